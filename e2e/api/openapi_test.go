package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gatehouse/internal/testkit"
)

// Every operation of /openapi.json is called with its own example; what it answers is what the document says, no field
// more and no field less.
func TestEveryDocumentedOperation(t *testing.T) {
	t.Parallel()
	provider := testkit.NewProvider(t)
	mail := testkit.NewMailServer(t, testkit.MailOptions{})
	opts := testkit.Options{Config: documentConfig, Provider: provider, Env: map[string]string{
		"SMTP_HOST": mail.Host, "SMTP_PORT": strconv.Itoa(mail.Port), "SMTP_TLS": "False", "SMTP_SENDER_EMAIL": "gate@acme.test", "TEST_EMAIL_ADDRESS": "ops@acme.test",
	}}
	both(t, opts, func(t *testing.T, s *testkit.Server) {
		key := s.GenerateKey(t, object{"models": []string{"demo"}}).Secret
		if r := s.Chat(t, key, "demo"); r.Status != http.StatusOK {
			t.Fatalf("a first call: %d %s", r.Status, r.Body)
		}
		doc := loadDocument(t, s)
		for _, o := range doc.operations {
			t.Run(o.method+" "+o.path, func(t *testing.T) { doc.try(t, s, o) })
		}
	})
}

const documentConfig = testkit.DefaultConfig + `
  - model_name: demo
    litellm_params: {model: openai/gpt-4o-mini, api_base: "${PROVIDER}/v1", api_key: sk-upstream, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
    model_info: {access_groups: [beta]}
litellm_settings:
  cache: true
  callbacks: [prometheus]
  default_internal_user_params: {available_teams: [open-team]}
general_settings:
  store_model_in_db: true
`

type operation struct {
	method, path string
	spec         object
}

type document struct {
	root       object
	operations []operation
	compiler   *jsonschema.Compiler
}

const documentURL = "https://gateway.example/openapi.json"

func loadDocument(t *testing.T, s *testkit.Server) *document {
	t.Helper()
	resp := s.Do(t, http.MethodGet, "/openapi.json", "", nil)
	if resp.Status != http.StatusOK {
		t.Fatalf("/openapi.json: %d", resp.Status)
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(resp.Body))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{root: root.(object), compiler: jsonschema.NewCompiler()}
	closeObjects(d.root)
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(documentURL, d.root); err != nil {
		t.Fatal(err)
	}
	for path, item := range d.root["paths"].(object) {
		for method, spec := range item.(object) {
			d.operations = append(d.operations, operation{strings.ToUpper(method), path, spec.(object)})
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	if len(d.operations) < 100 {
		t.Fatalf("the document has only %d operations", len(d.operations))
	}
	return d
}

// closeObjects makes every object of the document refuse what it does not list, so that an undocumented field fails. It
// holds for requests too: their examples have only documented fields.
func closeObjects(v any) {
	switch v := v.(type) {
	case object:
		if _, lists := v["properties"].(object); lists && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

// pointer escapes one step of a JSON pointer.
func pointer(steps ...string) string {
	out := ""
	for _, s := range steps {
		out += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
	}
	return documentURL + "#" + out
}

func (d *document) check(t *testing.T, what, ref string, body []byte) {
	t.Helper()
	schema, err := d.compiler.Compile(ref)
	if err != nil {
		t.Fatalf("%s: the schema does not compile: %v", what, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: not JSON: %v: %s", what, err, body)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v\n%s", what, err, body)
	}
}

// try sends one operation's example and checks the answer; then the same without a key, unless the operation is public.
func (d *document) try(t *testing.T, s *testkit.Server, o operation) {
	t.Helper()
	f := &filler{t: t, s: s}
	path, key := f.fill(o.path), s.MasterKey
	var body any
	if media, ok := at(o.spec, "requestBody.content").(object); ok {
		content := media["application/json"].(object)
		if content["example"] == nil {
			t.Fatal("no example")
		}
		raw, err := json.Marshal(content["example"])
		if err != nil {
			t.Fatal(err)
		}
		filled := f.fill(string(raw))
		d.check(t, "example", pointer("paths", o.path, strings.ToLower(o.method), "requestBody", "content", "application/json", "schema"), []byte(filled))
		body = filled
	}
	if example := text(o.spec["x-example-query"]); example != "" {
		path += "?" + f.fill(example)
	}
	if prepare := before[o.path]; prepare != nil {
		key = prepare(f, key)
	}
	want := http.StatusOK
	class := fmt.Sprint(want)
	if o.path == "/cache/redis/info" { // this server keeps answers in its own memory
		want, class = http.StatusBadRequest, "4XX"
	}
	resp := s.Do(t, o.method, path, key, body)
	if resp.Status != want {
		t.Fatalf("got %d, want %d: %s", resp.Status, want, resp.Body)
	}
	content := at(o.spec, "responses."+class+".content").(object)
	if content["application/json"] == nil {
		return
	}
	d.check(t, "answer", pointer("paths", o.path, strings.ToLower(o.method), "responses", class, "content", "application/json", "schema"), resp.Body)
	if security, ok := o.spec["security"].([]any); ok && len(security) == 0 {
		return
	}
	refused := s.Do(t, o.method, path, "", body)
	if refused.Status != http.StatusUnauthorized {
		t.Fatalf("without a key: got %d: %s", refused.Status, refused.Body)
	}
	d.check(t, "refusal", pointer("components", "schemas", "Error"), refused.Body)
}

// before makes what an operation needs besides the values in its example; it may replace the caller's key.
var before = map[string]func(f *filler, key string) string{
	"/team/member_update":         func(f *filler, key string) string { return f.member(key) },
	"/team/member_delete":         func(f *filler, key string) string { return f.member(key) },
	"/organization/member_update": func(f *filler, key string) string { return f.orgMember(key) },
	"/organization/member_delete": func(f *filler, key string) string { return f.orgMember(key) },
	"/end_user/new": func(f *filler, key string) string { // the example of /customer/new made them already
		post(f.t, f.s, "/customer/delete", object{"user_ids": []string{"palantir"}}, http.StatusOK)
		return key
	},
	"/team/available": func(f *filler, key string) string {
		f.s.NewTeam(f.t, object{"team_id": "open-team"})
		return key
	},
	"/onboarding/claim_token": func(f *filler, _ string) string {
		return text(get(f.t, f.s, "/onboarding/get_token?invite_link="+f.made["invitation"])["token"])
	},
	"/access_group/{name}/info":   func(f *filler, key string) string { return f.group(key) },
	"/access_group/{name}/update": func(f *filler, key string) string { return f.group(key) },
	"/access_group/{name}/delete": func(f *filler, key string) string { return f.group(key) },
}

// filler makes what the examples' {names} stand for.
type filler struct {
	t    *testing.T
	s    *testkit.Server
	made map[string]string
}

// fill replaces every {name} by something that exists.
func (f *filler) fill(in string) string {
	f.t.Helper()
	if f.made == nil {
		f.made = map[string]string{}
	}
	return placeholder.ReplaceAllStringFunc(in, func(match string) string {
		name := match[1 : len(match)-1]
		if f.made[name] == "" {
			f.made[name] = f.make(name)
		}
		return f.made[name]
	})
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func (f *filler) make(name string) string {
	f.t.Helper()
	switch name {
	case "key":
		return f.s.GenerateKey(f.t, nil).Hash
	case "team", "team_id":
		return f.s.NewTeam(f.t, object{"models": []string{"demo"}})
	case "user":
		return f.user()
	case "budget":
		return text(post(f.t, f.s, "/budget/new", object{"max_budget": 1}, 200)["budget_id"])
	case "customer":
		return f.customer()
	case "organization":
		return text(post(f.t, f.s, "/organization/new", object{"max_budget": 1}, 200)["organization_id"])
	case "model", "model_id":
		return f.model()
	case "name":
		return "small-" + f.s.GenerateKey(f.t, nil).Hash[:8]
	case "invitation":
		return text(post(f.t, f.s, "/invitation/new", object{"user_id": f.fill("{user}")}, 200)["id"])
	case "password":
		return "a long unguessable phrase 47"
	case "today":
		return time.Now().UTC().Format(time.DateOnly)
	case "id":
		logs := get(f.t, f.s, "/audit?page_size=1")["audit_logs"].([]any)
		return text(logs[0].(object)["id"])
	case "request_id":
		return text(list(f.t, f.s, f.s.MasterKey, "/spend/logs?limit=1")[0].(object)["request_id"])
	}
	f.t.Fatalf("the example has a placeholder that nobody fills: %s", name)
	return ""
}

func (f *filler) user() string {
	id, _ := f.s.NewUser(f.t, object{"auto_create_key": false})
	return id
}

func (f *filler) customer() string {
	id := "customer-" + f.s.GenerateKey(f.t, nil).Hash[:8]
	post(f.t, f.s, "/customer/new", object{"user_id": id, "max_budget": 1}, 200)
	return id
}

func (f *filler) model() string {
	row := post(f.t, f.s, "/model/new", object{
		"model_name": "made-here", "litellm_params": object{"model": "openai/gpt-4o", "api_key": "upstream-secret"},
	}, 200)
	return text(at(row, "model_info.id"))
}

func (f *filler) group(key string) string {
	post(f.t, f.s, "/access_group/new", object{"access_group": f.made["name"], "model_names": []string{"demo"}}, 200)
	return key
}

func (f *filler) member(key string) string {
	post(f.t, f.s, "/team/member_add", object{"team_id": f.made["team"], "member": object{"role": "user", "user_email": "bo@example.org"}}, 200)
	return key
}

func (f *filler) orgMember(key string) string {
	post(f.t, f.s, "/organization/member_add", object{
		"organization_id": f.made["organization"], "member": object{"role": "internal_user", "user_email": "di@example.org"},
	}, 200)
	return key
}
