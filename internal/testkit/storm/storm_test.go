package storm

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// stormy makes a run of a body over seeds.
func stormy(tb testing.TB, runs int, body any, seeds ...any) *run {
	tb.Helper()
	fn := reflect.ValueOf(body)
	r := &run{plan: plan{runs: runs, seed: 7, hang: time.Minute, growth: 1 << 20}, name: "FuzzX", dir: tb.TempDir(), fn: fn, trial: trial{TB: tb}}
	for i := 1; i < fn.Type().NumIn(); i++ {
		r.types = append(r.types, fn.Type().In(i))
	}
	for _, s := range seeds {
		r.pool = append(r.pool, []reflect.Value{reflect.ValueOf(s)})
	}
	r.onHang = func() {}
	return r
}

func TestFailuresAreFound(t *testing.T) {
	t.Parallel()
	seed := []byte(`{"usage":{"tokens":12,"cached":[1,2]},"text":"a"}`)
	for name, body := range map[string]func(testing.TB, []byte){
		"a number at the edge of its type": func(tb testing.TB, b []byte) {
			var in struct{ Usage struct{ Tokens int64 } }
			if json.Unmarshal(b, &in) == nil && in.Usage.Tokens == 1<<63-1 {
				tb.Fatalf("%d", in.Usage.Tokens)
			}
		},
		"a member twice": func(tb testing.TB, b []byte) {
			if json.Valid(b) && bytes.Count(b, []byte(`"tokens":`)) > 1 {
				tb.Errorf("twice")
			}
		},
		"a deep list": func(_ testing.TB, b []byte) {
			if json.Valid(b) && bytes.Contains(b, []byte(`[[[`)) {
				panic("deep")
			}
		},
		"text that is no UTF-8": func(tb testing.TB, b []byte) {
			if json.Valid(b) && bytes.Contains(b, []byte{0xff}) {
				tb.Fatal("no UTF-8")
			}
		},
		"an input cut short": func(tb testing.TB, b []byte) {
			if bytes.HasSuffix(b, []byte(`"usage":`)) {
				tb.FailNow()
			}
		},
		"a large input": func(tb testing.TB, b []byte) {
			if len(b) > 40<<10 {
				tb.Fatal("large")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := stormy(t, 200_000, body, seed)
			if failure := r.all(); failure == "" && !r.trial.failed {
				t.Fatal("not found")
			}
			again := stormy(t, 200_000, body, seed)
			again.all()
			if a, b := encode(r.args[1:]), encode(again.args[1:]); a != b {
				t.Errorf("the same seed gave %s, then %s", a, b)
			}
			file, err := save(r.dir, r.args[1:])
			if err != nil {
				t.Fatal(err)
			}
			kept, err := load(r.dir, r.types)
			if err != nil || len(kept) != 1 || !bytes.Equal(kept[0][0].Bytes(), r.args[1].Bytes()) {
				t.Errorf("%s holds %v, %v", file, kept, err)
			}
		})
	}
}

func TestSoundBodyPasses(t *testing.T) {
	t.Parallel()
	r := stormy(t, 5000, func(testing.TB, string) {}, `{"a":1}`)
	if failure := r.all(); failure != "" || r.done.Load() != 5000 {
		t.Errorf("%d executions: %s", r.done.Load(), failure)
	}
}

func TestGrowthIsSeen(t *testing.T) {
	t.Parallel()
	var kept [][]byte
	r := stormy(t, 2000, func(testing.TB, []byte) { kept = append(kept, make([]byte, 16<<10)) }, []byte("x"))
	if failure := r.all(); failure != "" {
		t.Fatal(failure)
	}
	if !strings.Contains(r.grown, "heap has grown") {
		t.Errorf("%d bytes were kept, and nobody noticed: %q", len(kept)*16<<10, r.grown)
	}
}

func TestHangIsSeen(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := stormy(t, 10, func(testing.TB, []byte) { <-release }, []byte("x"))
	r.hang = 50 * time.Millisecond
	r.onHang = func() { close(release) } // without it the test does not end
	r.all()
}

// Every kind of argument reads back as it was written, and what belongs to another target is refused.
func TestCorpus(t *testing.T) {
	t.Parallel()
	args := []reflect.Value{
		reflect.ValueOf([]byte("a\x00\xff\"\n")), reflect.ValueOf("ü\xed"), reflect.ValueOf(uint8(200)), reflect.ValueOf(-5), reflect.ValueOf(uint16(65535)),
	}
	var types []reflect.Type
	for _, v := range args {
		types = append(types, v.Type())
	}
	back, err := decode(encode(args), types)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range args {
		if !reflect.DeepEqual(v.Interface(), back[i].Interface()) {
			t.Errorf("%v became %v", v, back[i])
		}
	}
	for text, want := range map[string]uint64{`byte('\x03')`: 3, `byte('\'')`: '\'', `byte('a')`: 'a', `byte('ÿ')`: 255} {
		if b, err := decode(corpusHead+"\n"+text+"\n", types[2:3]); err != nil || b[0].Uint() != want {
			t.Errorf("%s reads as %v, %v", text, b, err)
		}
	}
	for _, text := range []string{"", corpusHead, corpusHead + "\nstring(\"a\")\n", corpusHead + "\n[]byte(x)\n", corpusHead + "\n[]byte(\"a\")\nint(1)\n"} {
		if _, err := decode(text, types[:1]); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestChangesReachEverything(t *testing.T) {
	t.Parallel()
	m := mutator{rng: rand.New(rand.NewPCG(1, 2))}
	src := []byte("{\"a\":[1,{\"b\":\"x\"}],\"c\":null}\n{\"d\":2}\n")
	m.learn(src)
	valid, seen := 0, map[string]bool{}
	for range 4000 {
		out := m.change(src, []byte(`{"other":{"z":9}}`))
		seen[string(out)] = true
		if first, _, _ := bytes.Cut(out, []byte("\n")); json.Valid(first) {
			valid++
		}
	}
	if len(seen) < 2500 || valid < 1000 {
		t.Errorf("%d different inputs of 4000, %d of them still JSON", len(seen), valid)
	}
	for _, c := range [][]byte{nil, {'"'}, {'\\'}, []byte(`"\`), []byte("[[[["), []byte("{\"a\":"), {0xff}} {
		for range 500 {
			m.change(c, c)
		}
	}
}
