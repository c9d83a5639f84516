package web

import (
	"strings"
	"testing"

	"gatehouse/models"
	"gatehouse/models/fault"
)

type inner struct {
	Budget *models.Nano `json:"max_budget"`
}

type sample struct {
	inner
	Name  string   `json:"name"`
	Count int64    `json:"count"`
	List  []string `json:"list"`
}

func TestDecodeBytesRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	many := `{"list":[` + strings.Repeat(`"x",`, 10_001) + `"x"]}`
	for name, c := range map[string]struct {
		body  string
		kind  fault.Kind
		param string
	}{
		"no JSON":          {`{"name":`, fault.Invalid, ""},
		"a list":           {`[]`, fault.Invalid, ""},
		"a number":         {`7`, fault.Invalid, ""},
		"two values":       {`{} {}`, fault.Invalid, ""},
		"trailing comma":   {`{"name":"x",}`, fault.Invalid, ""},
		"a name twice":     {`{"name":"x","name":"y"}`, fault.Invalid, "name"},
		"twice, escaped":   {`{"name":"x","\u006eame":"y"}`, fault.Invalid, "name"},
		"bad UTF-8":        {"{\"name\":\"\xff\"}", fault.Invalid, ""},
		"NUL in a value":   {`{"name":"a\u0000b"}`, fault.Invalid, ""},
		"NUL in a name":    {`{"\u0000":1}`, fault.Invalid, ""},
		"too deep":         {deep, fault.Invalid, ""},
		"too many members": {many, fault.Invalid, ""},
		"too large":        {`{"name":"` + strings.Repeat("x", MaxBody) + `"}`, fault.TooLarge, ""},
		"wrong type":       {`{"name":5}`, fault.Unprocessable, "name"},
		"a fraction":       {`{"count":1.5}`, fault.Unprocessable, "count"},
		"not a list":       {`{"list":"x"}`, fault.Unprocessable, "list"},
		"1e999 anywhere":   {`{"other":{"deep":[1e999]}}`, fault.Invalid, ""},
		"NaN":              {`{"max_budget":NaN}`, fault.Invalid, ""},
		"words for money":  {`{"max_budget":"much"}`, fault.Invalid, "max_budget"},
		"endless money":    {`{"max_budget":1e400}`, fault.Invalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s sample
			f := fault.As(DecodeBytes([]byte(c.body), &s))
			if f == nil || f.Kind != c.kind || (c.param != "" && f.Param != c.param) {
				t.Fatalf("got %+v, want kind %d param %q", f, c.kind, c.param)
			}
		})
	}
}

func TestDecodeBytesReadsExactNames(t *testing.T) {
	t.Parallel()
	var s sample
	if err := DecodeBytes([]byte(`{"NAME":"no","name":"yes","max_budget":"0.5","MAX_BUDGET":9,"unknown":{"deep":[1]}}`), &s); err != nil {
		t.Fatal(err)
	}
	if s.Name != "yes" || s.Budget == nil || *s.Budget != models.USD/2 {
		t.Fatalf("got %+v", s)
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, "{\"a\":\"\x00\"}", `{"a":1}x`, `[[[[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := CheckJSON(body)
		var s sample
		if derr := DecodeBytes(body, &s); err != nil && derr == nil {
			t.Fatalf("decoded what was refused: %v", err)
		}
	})
}
