package ui

// Snippets are the same chat request in curl, Python, JavaScript and as an .env file. Key is what stands where the secret goes: a
// shortened secret on the copy-once view, "" for the variable GATEHOUSE_API_KEY.
func Snippets(base, model, key string) []Snippet {
	shell, python, script, env := `"Authorization: Bearer $GATEHOUSE_API_KEY"`, `os.environ["GATEHOUSE_API_KEY"]`, "process.env.GATEHOUSE_API_KEY", "sk-…"
	head := "import os\n"
	if key != "" {
		shell, python, script, env, head = `"Authorization: Bearer `+key+`"`, `"`+key+`"`, `"`+key+`"`, key, ""
	}
	return []Snippet{
		{Label: "curl", Code: "curl " + base + `/chat/completions \
  -H ` + shell + ` \
  -H "Content-Type: application/json" \
  -d '{"model": "` + model + `",
       "messages": [{"role": "user", "content": "Hello"}]}'`},
		{Label: "Python", Code: head + `from openai import OpenAI

client = OpenAI(base_url="` + base + `", api_key=` + python + `)
answer = client.chat.completions.create(
    model="` + model + `",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`},
		{Label: "JavaScript", Code: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "` + base + `", apiKey: ` + script + ` });
const answer = await client.chat.completions.create({
  model: "` + model + `",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0].message.content);`},
		{Label: ".env", File: ".env", Code: "OPENAI_BASE_URL=" + base + "\nOPENAI_API_KEY=" + env + "\nOPENAI_MODEL=" + model},
	}
}
