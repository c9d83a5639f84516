package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func parseText(text string) (*value, *Report) {
	l := newLoader("", nil)
	return l.parse("t.yaml", []byte(text)), l.report
}

// TestYAML11 compares with what PyYAML's SafeLoader gives: LiteLLM's users wrote their files against it.
func TestYAML11(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"yes": true, "Yes": true, "YES": true, "no": false, "on": true, "Off": false, "true": true, "FALSE": false, "y": "y", "n": "n", "yEs": "yEs",
		`"yes"`: "yes", "'off'": "off", "!!str yes": "yes", "": nil, "~": nil, "null": nil, "Null": nil, "none": "none", "None": "None",
		"1e-5": "1e-5", "1.0e-5": json.Number("1.0e-5"), "1.5e+3": json.Number("1.5e+3"), "1.5e3": "1.5e3", "0.00003": json.Number("0.00003"), ".5": json.Number("0.5"),
		"1.": json.Number("1.0"), "-1": json.Number("-1"), "+7": json.Number("7"), "1_000": json.Number("1000"), "010": json.Number("8"), "0x1F": json.Number("31"),
		"0b11": json.Number("3"), "0o17": "0o17", "1:30": json.Number("90"), "1:30.5": json.Number("90.5"), "08": "08", ".inf": ".inf", "-.inf": "-.inf", ".nan": ".nan",
		"30d": "30d", "1.2.3": "1.2.3", "2024-02-01": "2024-02-01", "sk-1234": "sk-1234", "12345678901234567890": json.Number("12345678901234567890"),
		"- 1": []any{json.Number("1")},
	} {
		root, report := parseText("k: " + strings.Replace(text, "- 1", "[1]", 1) + "\n")
		if len(report.Faults) > 0 {
			t.Errorf("%s: %v", text, report.Faults)
			continue
		}
		if got := root.get("k").plain(); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("%s is %#v; want %#v", text, got, want)
		}
	}
}

func TestYAMLStructure(t *testing.T) {
	t.Parallel()
	root, report := parseText("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nlist: {<<: [*b, {z: 4}]}\nagain: *b\n")
	if len(report.Faults) > 0 {
		t.Fatal(report.Faults)
	}
	got := fmt.Sprint(root.plain())
	if got != "map[again:map[x:1 y:2] base:map[x:1 y:2] list:map[x:1 y:2 z:4] more:map[x:1 y:3]]" {
		t.Error(got)
	}
	if root, _ := parseText("# only a comment\n"); root == nil || root.kind != kindMap {
		t.Error("an empty file is not an empty map")
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 8 {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", 'b'+i, 'b'+i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", 'a'+i), 10), ","))
	}
	if root, report := parseText(bomb); root != nil || len(report.Faults) != 1 {
		t.Errorf("a file of aliases was expanded: %v", report.Faults)
	}
	if root, report := parseText("k: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)); root != nil || len(report.Faults) != 1 {
		t.Errorf("deep nesting: %v", report.Faults)
	}
}

func TestInclude(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config.yaml":  "include: [models.yaml, sub/general.yaml]\nmodel_list:\n  - {model_name: a, litellm_params: {model: openai/a, api_key: k}}\nlitellm_settings: {drop_params: true}\n",
		"models.yaml":  "model_list:\n  - {model_name: b, litellm_params: {model: openai/b, api_key: os.environ/KEY}}\n",
		"general.yaml": "include: [x.yaml]\ngeneral_settings: {master_key: sk-0123456789abcdef}\nlitellm_settings: {request_timeout: 9}\n",
	} {
		path := filepath.Join(dir, name)
		if name == "general.yaml" {
			if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			path = filepath.Join(dir, "sub", name)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, report := Load(filepath.Join(dir, "config.yaml"), []string{"KEY=v"})
	if len(report.Faults) != 0 || len(report.Warnings) != 2 || !has(report.Warnings, "1:include") || !has(report.Warnings, "3:litellm_settings") {
		t.Errorf("%v %v", report.Faults, report.Warnings)
	}
	if len(c.Models) != 2 || c.Models[1].APIKey.Reveal() != "v" || !c.General.MasterKey.IsSet() || c.LiteLLM.DropParams || c.LiteLLM.RequestTimeout.Seconds() != 9 {
		t.Errorf("merged: %d models, drop_params %v", len(c.Models), c.LiteLLM.DropParams)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{oneModel, "a: &a\n  b: *a\n", "general_settings:\n  master_key: os.environ/A\n", "model_list:\n - litellm_params: {<<: [1, {a: b}]}\n", "? [a]\n: b\n", "gatehouse: {login_rate: 1:30}\n", "router_settings: {model_group_alias: {a: b, b: c, c: b}}\n", "\xff\xfe", "%YAML 1.1\n---\n!!binary x: y", "include: []\nmodel_list: [{model_info: {id: 1}}]"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	path := filepath.Join(dir, "config.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") || strings.Contains(text, "custom_") {
			return // would read other files
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, report := Load(path, []string{"A=b"})
		if c == nil || report == nil {
			t.Fatal("no answer")
		}
	})
}
