package portal

import (
	"bytes"
	"encoding/json"
	"strings"

	"gatehouse/models"
)

// curlPath is where a kind of call is sent, under the base URL; "" for kinds whose request is no plain JSON body.
func curlPath(callType string) string {
	switch callType {
	case "acompletion":
		return "/chat/completions"
	case "atext_completion":
		return "/completions"
	case "aembedding":
		return "/embeddings"
	case "anthropic_messages":
		return "/messages"
	case "aresponses":
		return "/responses"
	case "amoderation":
		return "/moderations"
	case "arerank":
		return "/rerank"
	}
	return ""
}

// curlOf is a call as one would send it again from a shell, with the key's variable in place of the key; "" where the request
// was not kept as a whole.
func curlOf(base string, r *models.SpendRow, request models.JSON) string {
	path := curlPath(r.CallType)
	var fields map[string]json.RawMessage
	if path == "" || r.ModelGroup == "" || json.Unmarshal(request, &fields) != nil || len(fields) == 0 {
		return ""
	}
	model, err := json.Marshal(r.ModelGroup)
	if err != nil {
		return ""
	}
	rest := bytes.TrimSpace(request)
	body := append(append([]byte(`{"model":`), model...), ',')
	body = append(body, bytes.TrimSpace(rest[1:])...)
	var out bytes.Buffer
	if json.Indent(&out, body, "", "  ") != nil {
		return ""
	}
	return "curl " + base + path + " \\\n" +
		"  -H \"Authorization: Bearer $GATEHOUSE_API_KEY\" \\\n" +
		"  -H \"Content-Type: application/json\" \\\n" +
		"  -d '" + strings.ReplaceAll(out.String(), "'", `'\''`) + "'"
}
