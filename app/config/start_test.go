package config

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatehouse/models"
)

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	names := func(env ...string) []string {
		c, _ := Load("", env)
		var out []string
		for _, d := range c.Models {
			out = append(out, d.ModelName)
		}
		return out
	}
	for _, c := range []struct {
		name string
		env  []string
		want []string
	}{
		{"nothing", nil, []string{"demo"}},
		{"an empty key", []string{"OPENAI_API_KEY="}, []string{"demo"}},
		{"two keys", []string{"ANTHROPIC_API_KEY=a", "OPENAI_API_KEY=o"}, []string{"openai/*", "anthropic/*", "demo"}},
		{"azure without its address", []string{"AZURE_API_KEY=a"}, []string{"demo"}},
		{"azure", []string{"AZURE_API_KEY=a", "AZURE_API_BASE=https://a"}, []string{"azure/*", "demo"}},
		{"bedrock without a region", []string{"AWS_BEARER_TOKEN_BEDROCK=b"}, []string{"demo"}},
		{"bedrock without the second half", []string{"AWS_ACCESS_KEY_ID=b", "AWS_REGION=eu"}, []string{"demo"}},
		{"bedrock", []string{"AWS_BEARER_TOKEN_BEDROCK=b", "AWS_REGION=eu-central-1"}, []string{"bedrock/*", "demo"}},
		{"ollama", []string{"OLLAMA_API_BASE=http://o:11434"}, []string{"ollama/*", "demo"}},
		{"vertex", []string{"GOOGLE_APPLICATION_CREDENTIALS=/k.json", "VERTEXAI_PROJECT=p"}, []string{"vertex_ai/*", "demo"}},
		{"second names", []string{"GOOGLE_API_KEY=g", "HF_TOKEN=h", "CO_API_KEY=c", "TOGETHERAI_API_KEY=t"}, []string{"gemini/*", "huggingface/*", "together_ai/*", "cohere/*", "demo"}},
	} {
		if got := names(c.env...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	c, _ := Load("", []string{"OPENAI_API_KEY=o"})
	if d := c.Models[0]; d.APIKey.Reveal() != "o" || d.Model != "*" || d.Disabled != "" || !d.FromConfig {
		t.Errorf("openai/*: %+v", d)
	}
	demo := c.Models[1]
	if demo.MockResponse == "" || demo.APIKey.IsSet() || demo.Prices["input_cost_per_token"] == nil || demo.Prices["output_cost_per_token"] == nil {
		t.Errorf("demo: %+v", demo)
	}
	if c, _ := load(t, "", "OPENAI_API_KEY=o"); len(c.Models) != 0 {
		t.Error("a file without models gets models of the environment")
	}
	off, _ := Load("", []string{"STORE_MODEL_IN_DB=False"})
	filed, _ := load(t, "model_list: []\n")
	equal(t, "models in the database", []any{c.General.StoreModelInDB, off.General.StoreModelInDB, filed.General.StoreModelInDB}, []any{true, false, false})
}

func TestEveryProvider(t *testing.T) {
	t.Parallel()
	c := good(t, "model_list:\n  - {model_name: '*', litellm_params: {model: '*'}, model_info: {access_groups: [all]}}\n", "OPENAI_API_KEY=o", "ANTHROPIC_API_KEY=a")
	if len(c.Models) != 2 || c.Models[1].ModelName != "anthropic/*" || c.Models[1].Provider != "anthropic" || c.Models[1].AccessGroups[0] != "all" {
		t.Errorf("%+v", c.Models)
	}
}

// TestFillFromEnv: a model made over the API must not carry a provider's key to an address of its maker's choice.
func TestFillFromEnv(t *testing.T) {
	t.Parallel()
	env := map[string]string{"OPENAI_API_KEY": "o", "OPENAI_ORGANIZATION": "org", "AWS_BEARER_TOKEN_BEDROCK": "bearer", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu", "ANTHROPIC_AUTH_TOKEN": "at"}
	get := func(n string) string { return env[n] }
	fill := func(d models.Deployment) models.Deployment { FillFromEnv(&d, get); return d }
	if d := fill(models.Deployment{Provider: "openai", APIBase: "https://evil.example"}); d.APIKey.IsSet() || d.Organization != "" {
		t.Error("the key goes to a foreign address")
	}
	if d := fill(models.Deployment{Provider: "bedrock", APIBase: "https://evil.example"}); len(d.Secrets) != 0 || d.APIKey.IsSet() {
		t.Error("the AWS credential goes to a foreign address")
	}
	if d := fill(models.Deployment{Provider: "openai"}); d.APIKey.Reveal() != "o" || d.Organization != "org" {
		t.Error("a model of the API without an address gets no key")
	}
	if d := fill(models.Deployment{Provider: "openai", APIBase: "https://own.example", FromConfig: true}); d.APIKey.Reveal() != "o" {
		t.Error("config.yaml may name any address")
	}
	if d := fill(models.Deployment{Provider: "openai", APIKey: models.NewSecret("own")}); d.APIKey.Reveal() != "own" {
		t.Error("an own key is replaced")
	}
	if d := fill(models.Deployment{Provider: "bedrock", Secrets: map[string]models.Secret{"aws_access_key_id": models.NewSecret("mine")}}); d.APIKey.IsSet() || d.Secrets["aws_secret_access_key"].IsSet() {
		t.Error("halves of two accounts are mixed")
	}
	if d := fill(models.Deployment{Provider: "bedrock"}); d.APIKey.Reveal() != "bearer" || d.Secrets["aws_access_key_id"].Reveal() != "id" || d.Params["aws_region_name"] != "eu" {
		t.Errorf("bedrock: %+v", d)
	}
	if d := fill(models.Deployment{Provider: "anthropic"}); d.Secrets["auth_token"].Reveal() != "at" {
		t.Errorf("anthropic: %+v", d)
	}
	shared := map[string]any{}
	_ = fill(models.Deployment{Provider: "bedrock", Params: shared})
	if len(shared) != 0 {
		t.Error("the caller's map was changed")
	}
}

func TestEnsureMasterKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	key, created, err := EnsureMasterKey(dir)
	if err != nil || !created || !strings.HasPrefix(key.Reveal(), "sk-") || len(key.Reveal()) != 46 {
		t.Fatalf("%v %v %d", err, created, len(key.Reveal()))
	}
	path := filepath.Join(dir, MasterKeyFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v %v", info.Mode(), err)
	}
	again, created, err := EnsureMasterKey(dir)
	if err != nil || created || again != key {
		t.Errorf("a second start makes another key: %v %v", created, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := EnsureMasterKey(dir); err == nil {
		t.Error("a key that others can read is used")
	}
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := EnsureMasterKey(dir); err == nil || strings.Contains(err.Error(), "garbage") {
		t.Errorf("a damaged file: %v", err)
	}
	if _, _, err := EnsureMasterKey(path); err == nil {
		t.Error("a folder that is a file")
	}
}

func TestEnsureMasterKeyOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := make([]models.Secret, 8)
	made := make([]bool, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], made[i], err = EnsureMasterKey(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count := 0
	for i := range keys {
		if made[i] {
			count++
		}
		if keys[i] != keys[0] {
			t.Error("processes that start together have different keys")
		}
	}
	if count != 1 {
		t.Errorf("%d of them made it", count)
	}
}

func TestReadEnvFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".env")
	text := "# comment\nGENERIC_CLIENT_ID = \"******\"\nA=1\nexport B='two words' # why\nC = x # note\nD=a#b\nE=\nMICROSOFT_TENANT=\"5a39737\nSET=file\n\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env, problems, err := ReadEnvFile(path, []string{"SET=process"})
	want := []string{"GENERIC_CLIENT_ID=******", "A=1", "B=two words", "C=x", "D=a#b", "E=", "MICROSOFT_TENANT=\"5a39737"}
	if err != nil || len(problems) != 0 || !slices.Equal(env, want) {
		t.Errorf("%q, %v, %v", env, problems, err)
	}
	if env, problems, err := ReadEnvFile(filepath.Join(t.TempDir(), "none"), []string{"A=1"}); err != nil || len(env)+len(problems) != 0 {
		t.Errorf("a missing file: %v %v %v", env, problems, err)
	}
	for _, bad := range []string{"no assignment", "=x", "A B=c"} {
		if err := os.WriteFile(path, []byte("A=1\n"+bad+"\nB=2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		env, problems, err := ReadEnvFile(path, nil)
		if err != nil || len(problems) != 1 || !strings.Contains(problems[0], ":2:") || strings.Contains(problems[0], bad) || !slices.Equal(env, []string{"A=1", "B=2"}) {
			t.Errorf("%q: %q %q %v", bad, env, problems, err)
		}
	}
}

// TestLiteLLMFlags: the arguments of a container that ran LiteLLM start Gatehouse too.
func TestLiteLLMFlags(t *testing.T) {
	t.Parallel()
	start := func(args ...string) (Overrides, error) {
		var o Overrides
		fs := flag.NewFlagSet("gatehouse", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		o.Flags(fs)
		return o, fs.Parse(args)
	}
	for _, args := range [][]string{{"--ssl_keyfile_path", "key.pem"}, {"--num_workers"}, {"--port", "http"}} {
		if _, err := start(args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	o, err := start("--port", "8000", "--num_workers", "8", "--detailed_debug", "--run_gunicorn", "--telemetry", "False", "--host", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	c, report := Start(o, nil)
	if c.Server.Port != 8000 || c.Server.Host != "127.0.0.1" || c.Log.Level != "debug" {
		t.Errorf("port %d, host %s, log level %s", c.Server.Port, c.Server.Host, c.Log.Level)
	}
	var warned []string
	for _, f := range report.Warnings {
		if f.File == "command line" {
			warned = append(warned, f.Path)
		}
	}
	if want := []string{"--num_workers", "--run_gunicorn", "--telemetry"}; !slices.Equal(warned, want) {
		t.Errorf("warned of %q, want %q", warned, want)
	}
}
