package scim

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func value(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFilters(t *testing.T) {
	for text, want := range map[string]string{
		`userName eq "ana@example.org"`:                                  "userName=ana@example.org",
		`USERNAME Eq "a \"b\" c"`:                                        `userName=a "b" c`,
		`externalid eq "x" and active eq true`:                           "externalId=x active=true",
		`emails[type eq "work"].value eq "a@b"`:                          "emails.value=a@b",
		`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ana"`:   "userName=ana",
		`id eq "a b" AND members eq "c"`:                                 "id=a b members=c",
		`name.familyName eq "O'Neil; DROP TABLE users"`:                  "name.familyName=O'Neil; DROP TABLE users",
		`userName sw "a"`:                                                "!",
		`userName eq ana`:                                                "!",
		`userName eq ["a"]`:                                              "!",
		`userName pr`:                                                    "!",
		`userName`:                                                       "!",
		`(userName eq "a")`:                                              "!",
		`userName eq "a" or userName eq "b"`:                             "!",
		`userName eq "a" and`:                                            "!",
		strings.Repeat("a[", 100):                                        "!",
		`x eq "` + strings.Repeat("y", 5000) + `"`:                       "!",
		strings.TrimSuffix(strings.Repeat(`a eq "b" and `, 20), " and "): "!",
		`user name eq "a"`:                                               "!",
		`../../etc eq "a"`:                                               "!",
	} {
		terms, err := ParseFilter(text)
		var got []string
		for _, term := range terms {
			b, _ := json.Marshal(term.Value)
			var v any
			_ = json.Unmarshal(b, &v)
			s, ok := v.(string)
			if !ok {
				s = string(b)
			}
			got = append(got, term.Path.String()+"="+s)
		}
		var wrong *Error
		switch {
		case err != nil && !errors.As(err, &wrong):
			t.Errorf("%s: %v is no *Error", text, err)
		case err != nil && want != "!":
			t.Errorf("%s: %v", text, err)
		case err == nil && strings.Join(got, " ") != want:
			t.Errorf("%s: %q, wanted %q", text, strings.Join(got, " "), want)
		}
	}
}

// TestPatches holds the dialects together: what Okta, Entra and the standard write for the same change.
func TestPatches(t *testing.T) {
	start := `{"userName":"ana","active":true,"name":{"givenName":"Ana","familyName":"B"},"emails":[{"type":"work","value":"a@x","primary":true},{"type":"home","value":"h@x"}]}`
	for name, tc := range map[string]struct{ patch, want string }{
		"Okta: deactivate":            {`[{"op":"replace","value":{"active":false}}]`, `{"active":false}`},
		"Entra: deactivate":           {`[{"op":"Replace","path":"active","value":"False"}]`, `{"active":"False"}`},
		"Entra: the work address":     {`[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"}]`, `{"emails":[{"type":"work","value":"n@x","primary":true},{"type":"home","value":"h@x"}]}`},
		"Entra: a new address":        {`[{"op":"Add","path":"emails[type eq \"other\"].value","value":"o@x"}]`, `{"emails":[{"type":"work","value":"a@x","primary":true},{"type":"home","value":"h@x"},{"type":"other","value":"o@x"}]}`},
		"Entra: paths in the value":   {`[{"op":"add","value":{"name.givenName":"Anna","displayName":"Anna B"}}]`, `{"displayName":"Anna B","name":{"givenName":"Anna","familyName":"B"}}`},
		"Entra: the enterprise part":  {`[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"R&D"}]`, `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D"}}`},
		"case of names":               {`[{"op":"REPLACE","path":"DISPLAYNAME","value":"X"}]`, `{"displayName":"X"}`},
		"remove one address":          {`[{"op":"remove","path":"emails[type eq \"home\"]"}]`, `{"emails":[{"type":"work","value":"a@x","primary":true}]}`},
		"remove all addresses":        {`[{"op":"remove","path":"emails"}]`, `{"emails":null}`},
		"remove a part":               {`[{"op":"remove","path":"name.givenName"}]`, `{"name":{"familyName":"B"}}`},
		"remove what is not there":    {`[{"op":"remove","path":"title"},{"op":"remove","path":"roles[value eq \"x\"]"}]`, `{}`},
		"replace a complex attribute": {`[{"op":"replace","path":"name","value":{"givenName":"Z"}}]`, `{"name":{"givenName":"Z","familyName":"B"}}`},
		"add to a list":               {`[{"op":"add","path":"emails","value":[{"value":"H@X"},{"value":"2@x"}]}]`, `{"emails":[{"type":"work","value":"a@x","primary":true},{"type":"home","value":"h@x"},{"value":"2@x"}]}`},
		"primary by filter":           {`[{"op":"replace","path":"emails[primary eq true].value","value":"p@x"}]`, `{"emails":[{"type":"work","value":"p@x","primary":true},{"type":"home","value":"h@x"}]}`},
		"unknown op":                  {`[{"op":"move","path":"active","value":false}]`, "!"},
		"no path and no object":       {`[{"op":"replace","value":false}]`, "!"},
		"remove without a path":       {`[{"op":"remove"}]`, "!"},
		"an open bracket":             {`[{"op":"replace","path":"emails[type eq","value":1}]`, "!"},
		"not a path":                  {`[{"op":"replace","path":"a b/c","value":1}]`, "!"},
		"the enterprise part as text": {`[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","value":"x"}]`, "!"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Normal(value(t, start).(map[string]any))
			want := Normal(value(t, start).(map[string]any))
			var operations []Operation
			if err := json.Unmarshal([]byte(tc.patch), &operations); err != nil {
				t.Fatal(err)
			}
			steps, err := Steps(operations)
			for _, s := range steps {
				if err == nil {
					err = r.Apply(s)
				}
			}
			if tc.want == "!" {
				var wrong *Error
				if !errors.As(err, &wrong) {
					t.Errorf("it was taken: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for attr, v := range value(t, tc.want).(map[string]any) {
				if v == nil {
					delete(want, attr)
				} else {
					want[attr] = v
				}
			}
			if !reflect.DeepEqual(map[string]any(r), map[string]any(want)) {
				t.Errorf("got %v\nwanted %v", r, want)
			}
		})
	}
}

func FuzzSCIM(f *testing.F) {
	f.Add(`userName eq "a"`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}`)
	f.Add(`a[b eq 1].c eq true and d eq "e"`, `{"op":"add","value":{"name.givenName":1,"members":[{"value":"x"}]}}`)
	f.Fuzz(func(t *testing.T, filter, operation string) {
		_, _ = ParseFilter(filter)
		var o Operation
		if json.Unmarshal([]byte(operation), &o) != nil {
			return
		}
		r := Normal(value(t, `{"name":{"givenName":"A"},"emails":[{"value":"a","type":"work"},7]}`).(map[string]any))
		steps, err := Steps([]Operation{o})
		for _, s := range steps {
			if err == nil {
				err = r.Apply(s)
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}
