package price

import (
	"regexp"
	"slices"
	"strings"
)

// selfHosted reports that a provider runs the operator's own machines: what a model costs at its maker says nothing there.
func selfHosted(provider string) bool {
	switch provider {
	case "ollama", "ollama_chat", "hosted_vllm", "vllm", "lm_studio", "llamafile", "xinference", "infinity", "triton",
		"petals", "docker_model_runner", "huggingface":
		return true
	}
	return false
}

// free reports that a provider charges nothing unless a price is configured.
func free(provider string) bool { return provider == "ollama" || provider == "ollama_chat" }

var (
	awsRegion  = regexp.MustCompile(`^(?:us-gov|us|eu|apac|ap|global|jp|au|ca|in|sa|me|af|il|kr)\.`)
	awsVersion = regexp.MustCompile(`(?:-v\d+)?:\d+(?::\d+k)?$|-v\d+$`)
	flavour    = regexp.MustCompile(`:[a-z][a-z0-9-]*$`)
	atVersion  = regexp.MustCompile(`@[a-z0-9.-]+$`)
	dateTail   = regexp.MustCompile(`-(?:20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])|latest)$`)
	plainDate  = regexp.MustCompile(`-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(-|:|$)`)
	vendorDot  = regexp.MustCompile(`^(?:anthropic|openai|meta|mistral|cohere|amazon|ai21|deepseek|google|qwen)\.`)
	pathHeads  = []string{"models/", "converse/", "converse_like/", "invoke/", "deployments/", "responses/"}
)

// spellings lists the names under which a price of model may be found, most exact first: as given, then one by one
// without what providers add to a name (region, version, date, flavour). All are lower case.
func spellings(model string) []string {
	n := strings.ToLower(strings.TrimSpace(model))
	out := []string{n}
	add := func(next string) {
		if next != "" && next != n {
			n = next
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, head := range pathHeads {
		add(strings.TrimPrefix(n, head))
	}
	if strings.HasPrefix(n, "arn:") {
		add(n[strings.LastIndexByte(n, '/')+1:])
	}
	if i := strings.LastIndex(n, "/models/"); i >= 0 && strings.HasPrefix(n, "publishers/") {
		add(n[i+len("/models/"):])
	}
	if d := plainDate.ReplaceAllString(n, "-$1-$2-$3$4"); d != n {
		out = append(out, d) // the same name with the date written the other way
	}
	add(awsRegion.ReplaceAllString(n, ""))
	add(flavour.ReplaceAllString(n, ""))
	add(atVersion.ReplaceAllString(n, ""))
	add(awsVersion.ReplaceAllString(n, ""))
	add(dateTail.ReplaceAllString(n, ""))
	add(vendorDot.ReplaceAllString(n, ""))
	return out
}
