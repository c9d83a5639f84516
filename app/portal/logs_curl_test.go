package portal

import (
	"testing"

	"gatehouse/models"
)

func TestCurlOfACall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, model, request, want string }{
		{"atranscription", "whisper", `{"prompt":"x"}`, ""},
		{"acompletion", "", `{"messages":[]}`, ""},
		{"acompletion", "gpt-5", ``, ""},
		{"acompletion", "gpt-5", `"the beginning of a long one…"`, ""},
		{"acompletion", "gpt-5", `{}`, ""},
		{
			"anthropic_messages", "claude", `{"messages":["it's"]}`,
			"curl https://gw.example/v1/messages \\\n  -H \"Authorization: Bearer $GATEHOUSE_API_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n" +
				"  -d '{\n  \"model\": \"claude\",\n  \"messages\": [\n    \"it'\\''s\"\n  ]\n}'",
		},
	} {
		if got := curlOf("https://gw.example/v1", &models.SpendRow{CallType: c.kind, ModelGroup: c.model}, models.JSON(c.request)); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.kind, c.model, got, c.want)
		}
	}
}
