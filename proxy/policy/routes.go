package policy

import (
	"slices"
	"strings"

	"gatehouse/proxy/policy/glob"
)

// The groups of routes that allowed_routes may name, and that key_type expands to (contract/admin-api.md §2).
const (
	LLMRoutes        = "llm_api_routes"
	ManagementRoutes = "management_routes"
	InfoRoutes       = "info_routes"
)

// The routes of each group, without /v1; a trailing slash stands for everything below. Never written.
var (
	llmRoutes = []string{
		"/chat/completions", "/completions", "/embeddings", "/models", "/models/", "/messages", "/messages/",
		"/responses", "/responses/", "/images/", "/audio/", "/moderations", "/rerank", "/v2/rerank",
		"/engines/", "/openai/", "/openai_passthrough/", "/anthropic/", "/azure/", "/azure_ai/", "/gemini/",
		"/vertex-ai/", "/vertex_ai/", "/bedrock/", "/cohere/", "/mistral/", "/vllm/", "/v1beta/models/",
		"/utils/token_counter", "/files", "/files/", "/batches", "/batches/", "/fine_tuning/", "/vector_stores",
		"/vector_stores/", "/assistants", "/assistants/", "/threads", "/threads/", "/realtime",
	}
	infoRoutes = []string{
		"/key/info", "/v2/key/info", "/key/budget", "/key/health", "/key/list", "/key/aliases", "/team/info", "/team/list", "/v2/team/list", "/team/available",
		"/user/info", "/v2/user/info", "/user/list", "/model/info", "/v2/model/info", "/model_group/info", "/models", "/models/",
		"/organization/info", "/organization/list", "/customer/info", "/customer/list", "/end_user/info", "/end_user/list",
		"/budget/info", "/budget/list", "/budget/settings", "/spend/", "/global/", "/health", "/health/",
		"/user/daily/activity", "/team/daily/activity", "/tag/daily/activity",
	}
	managementRoutes = []string{
		"/key/", "/v2/key/", "/user/", "/v2/user/", "/team/", "/v2/team/", "/organization/", "/budget/", "/customer/", "/end_user/",
		"/invitation/", "/model/", "/v2/model/", "/model_group/", "/access_group/", "/spend/", "/global/", "/audit", "/audit/", "/tag/",
		"/cache/", "/config/", "/models", "/models/",
	}
)

// RouteAllowed says whether a key with this allowed_routes list may call path (no query). An empty list allows all.
// An entry is an exact path, a prefix of whole segments, a pattern with *, or a group; a route is the same with and
// without /v1 in front. A path with dot segments fits no entry: what a server makes of it is not what was compared.
func RouteAllowed(allowed []string, path string) bool {
	if len(allowed) == 0 {
		return true
	}
	if strings.Contains(path, "/.") || strings.Contains(path, "//") {
		return false
	}
	bare := stripVersion(path)
	for _, entry := range allowed {
		if routeFits(entry, path, bare) {
			return true
		}
	}
	return false
}

func routeFits(entry, path, bare string) bool {
	switch entry {
	case "":
		return false
	case "*", "/*":
		return true
	case LLMRoutes:
		return inGroup(llmRoutes, path, bare)
	case InfoRoutes:
		return inGroup(infoRoutes, path, bare)
	case ManagementRoutes:
		return inGroup(managementRoutes, path, bare)
	}
	if glob.Has(entry) {
		return glob.Match(entry, path) || glob.Match(stripVersion(entry), bare)
	}
	return below(entry, path) || below(stripVersion(entry), bare)
}

// below says whether path is entry, or under it.
func below(entry, path string) bool {
	entry = strings.TrimSuffix(entry, "/")
	return entry != "" && strings.HasPrefix(path, entry) && (len(path) == len(entry) || path[len(entry)] == '/')
}

func inGroup(group []string, path, bare string) bool {
	return slices.ContainsFunc(group, func(r string) bool {
		if strings.HasSuffix(r, "/") {
			return strings.HasPrefix(bare, r) || strings.HasPrefix(path, r)
		}
		return bare == r || path == r
	})
}

func stripVersion(path string) string {
	if rest, ok := strings.CutPrefix(path, "/v1"); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return path
}
