package wire

import (
	"encoding/json"
	"reflect"
	"testing"

	"gatehouse/internal/testkit/storm"
)

func TestObjectEdits(t *testing.T) {
	t.Parallel()
	const body = ` {"model": "a", "n" : 1.0,
  "big":12345678901234567890 , "x":[1.50]} `
	tests := map[string]struct {
		body string
		edit func(o *Object)
		want string
	}{
		"nothing":          {body, func(*Object) {}, `{"model": "a", "n" : 1.0,` + "\n" + `  "big":12345678901234567890 , "x":[1.50]}`},
		"value replaced":   {body, func(o *Object) { o.Replace(0, []byte(`"bb"`)) }, `{"model": "bb", "n" : 1.0,` + "\n" + `  "big":12345678901234567890 , "x":[1.50]}`},
		"first dropped":    {body, func(o *Object) { o.Drop(0) }, `{"n" : 1.0,` + "\n" + `  "big":12345678901234567890 , "x":[1.50]}`},
		"middle dropped":   {body, func(o *Object) { o.Drop(1) }, `{"model": "a","big":12345678901234567890 , "x":[1.50]}`},
		"last dropped":     {body, func(o *Object) { o.Drop(3) }, `{"model": "a", "n" : 1.0,` + "\n" + `  "big":12345678901234567890}`},
		"all dropped":      {body, func(o *Object) { o.Drop(0); o.Drop(1); o.Drop(2); o.Drop(3) }, `{}`},
		"all but the add":  {`{"a":1}`, func(o *Object) { o.Drop(0); o.Add("b", []byte("2")) }, `{"b":2}`},
		"added":            {`{"a":1 }`, func(o *Object) { o.Add("b", []byte("2")); o.Add("c", []byte(`"\n"`)) }, `{"a":1,"b":2,"c":"\n" }`},
		"added to nothing": {`{ }`, func(o *Object) { o.Add("b", []byte("2")) }, `{"b":2}`},
		"renamed":          {`{"seed":7,"a":1}`, func(o *Object) { o.Rename(0, "random_seed") }, `{"a":1,"random_seed":7}`},
		"set twice":        {`{"a":1}`, func(o *Object) { o.Set("b", []byte("2")); o.Set("b", []byte("3")); o.Set("a", []byte("4")) }, `{"a":4,"b":3}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o Object
			if err := o.Parse([]byte(tt.body)); err != nil {
				t.Fatal(err)
			}
			tt.edit(&o)
			got := string(o.Append(nil))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if _, size := o.Parts(); size != len(got) {
				t.Errorf("size %d of %d bytes", size, len(got))
			}
		})
	}
}

func TestObjectResetsForTheNextDeployment(t *testing.T) {
	t.Parallel()
	var o Object
	if err := o.Parse([]byte(`{"model":"a","x":1}`)); err != nil {
		t.Fatal(err)
	}
	o.Drop(1)
	o.Add("y", []byte("2"))
	o.Reset()
	if got := string(o.Append(nil)); got != `{"model":"a","x":1}` {
		t.Errorf("after Reset: %s", got)
	}
}

// FuzzObject drops, replaces and adds members by a mask and compares with encoding/json.
func FuzzObject(f *testing.F) {
	s := storm.New(f)
	s.Add([]byte(`{"a":1,"b":[2, 3],"c":"x"}`), uint16(0b10_01_00))
	s.Add([]byte(` { "a" : 1 } `), uint16(1))
	s.Add([]byte(`{}`), uint16(0x8000))
	s.Fuzz(func(tb testing.TB, body []byte, mask uint16) {
		var want map[string]json.RawMessage
		var whole any
		if json.Unmarshal(body, &want) != nil || want == nil || json.Unmarshal(body, &whole) != nil {
			return // no object, or one with a number that no float64 holds
		}
		var o Object
		if o.Parse(body) != nil || o.Len() != len(want) {
			return // too deep, or a key twice
		}
		for i := range min(o.Len(), 7) {
			var key string
			if json.Unmarshal(body[o.members[i].Key:o.members[i].KeyEnd], &key) != nil {
				return
			}
			switch mask >> (2 * i) & 3 {
			case 1:
				o.Drop(i)
				delete(want, key)
			case 2:
				o.Replace(i, []byte(`{"new":true}`))
				want[key] = json.RawMessage(`{"new":true}`)
			}
		}
		if mask&0x8000 != 0 && !o.Has("added\n") {
			o.Add("added\n", []byte("0"))
			want["added\n"] = json.RawMessage("0")
		}
		var got, wanted any
		out := o.Append(nil)
		if err := json.Unmarshal(out, &got); err != nil {
			tb.Fatalf("%q with %b gave %q: %v", body, mask, out, err)
		}
		text, err := json.Marshal(want)
		if err != nil {
			tb.Fatal(err)
		}
		if err := json.Unmarshal(text, &wanted); err != nil {
			tb.Fatal(err)
		}
		if !reflect.DeepEqual(got, wanted) {
			tb.Fatalf("%q with %b gave %q, want %q", body, mask, out, text)
		}
	})
}
