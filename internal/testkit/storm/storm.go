// Package storm runs a fuzz target millions of times inside one process: no coverage, no messages between processes, but
// changes that keep to the structure of JSON, of event streams and of binary frames. It complements go test -fuzz, which finds
// new ways through the code and hardly gets to a million of them; the corpus of the two is one, and so is a target's body.
//
// A storm runs wherever its target does: a few thousand executions in every go test, as many as GATEHOUSE_FUZZ_RUNS says
// in `make fuzz`. It fails on what the body fails on, on a panic, on an execution that does not end, and on a heap or a number
// of goroutines that has grown between a tenth of the run and its end. What failed is kept in testdata/fuzz.
package storm

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Storm is one target: what testing.F is to go test -fuzz. Add its seeds, then call Fuzz once.
type Storm struct {
	f     *testing.F
	seeds [][]any
}

// New makes the storm of a fuzz target.
func New(f *testing.F) *Storm {
	f.Helper()
	return &Storm{f: f}
}

// Add adds a seed: one value for each argument of the body.
func (s *Storm) Add(args ...any) {
	s.f.Helper()
	s.f.Add(args...)
	s.seeds = append(s.seeds, args)
}

// plan is what the environment says about a run.
type plan struct {
	runs   int
	seed   uint64
	corpus string        // a folder of more inputs, as go test -fuzz keeps them: package/target/file
	log    string        // a file that gets a line at the end of a run, and now and then before it
	hang   time.Duration // what one execution may take
	growth uint64        // bytes that the heap may grow by
}

// usual is a run in the ordinary suite. The hang is no measure of speed: no execution takes a thousandth of it.
func usual() plan { return plan{runs: 2000, seed: 1, hang: time.Minute, growth: 2 << 20} }

func (p *plan) read(f *testing.F) {
	f.Helper()
	number := func(name string, into func(n uint64)) {
		text := os.Getenv(name)
		if text == "" {
			return
		}
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			f.Fatalf("%s=%s is no number", name, text)
		}
		into(n)
	}
	number("GATEHOUSE_FUZZ_RUNS", func(n uint64) { p.runs, p.hang = int(n), 10*time.Second })
	number("GATEHOUSE_FUZZ_SEED", func(n uint64) { p.seed = n })
	p.corpus, p.log = os.Getenv("GATEHOUSE_FUZZ_CORPUS"), os.Getenv("GATEHOUSE_FUZZ_LOG")
}

// Fuzz runs the target. body is a func(testing.TB, ...) whose further arguments are []byte, string or whole numbers; it keeps
// nothing of them. Under go test -fuzz it is what the engine calls; else it runs on the seeds and the corpus, and in the storm.
func (s *Storm) Fuzz(body any) {
	s.f.Helper()
	fn := reflect.ValueOf(body)
	in := []reflect.Type{reflect.TypeFor[*testing.T]()}
	for i := 1; i < fn.Type().NumIn(); i++ {
		in = append(in, fn.Type().In(i))
	}
	if fuzzing := flag.Lookup("test.fuzz"); fuzzing == nil || fuzzing.Value.String() == "" {
		p := usual()
		p.read(s.f)
		s.storm(fn, in[1:], &p)
	}
	native := reflect.MakeFunc(reflect.FuncOf(in, nil, false), func(args []reflect.Value) []reflect.Value { return fn.Call(args) })
	s.f.Fuzz(native.Interface())
}

func (s *Storm) storm(fn reflect.Value, types []reflect.Type, p *plan) {
	s.f.Helper()
	name, dir := s.f.Name(), filepath.Join("testdata", "fuzz", s.f.Name())
	pkg, err := packageHere()
	if err != nil {
		s.f.Fatal(err)
	}
	r := &run{plan: *p, pkg: pkg, name: name, dir: dir, fn: fn, types: types, trial: trial{TB: s.f}}
	for _, seed := range s.seeds {
		args := make([]reflect.Value, len(seed))
		for i, v := range seed {
			args[i] = reflect.ValueOf(v)
		}
		r.pool = append(r.pool, args)
	}
	dirs := []string{dir}
	if p.corpus != "" {
		dirs = append(dirs, filepath.Join(p.corpus, r.pkg, name))
	}
	for _, d := range dirs {
		more, err := load(d, types)
		if err != nil {
			s.f.Fatal(err)
		}
		r.pool = append(r.pool, more...)
	}
	if len(r.pool) == 0 {
		s.f.Fatal("the target has no seed")
	}
	r.onHang = r.hung
	if failure := r.all(); failure != "" {
		file, err := save(dir, r.args[1:])
		if err != nil {
			file = err.Error()
		}
		s.f.Fatalf("execution %d of seed %d (kept in %s):\n%s\n%s", r.done.Load(), p.seed, file, failure, short(encode(r.args[1:])))
	}
	if r.grown != "" {
		s.f.Fatal(r.grown)
	}
}

// packageHere is the path of the package under test, in whose folder its test runs.
func packageHere() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the package: %w", err)
	}
	for root := here; root != filepath.Dir(root); root = filepath.Dir(root) {
		text, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), "\n")
		return filepath.ToSlash(strings.TrimPrefix(first, "module ") + strings.TrimPrefix(here, root)), nil
	}
	return "", fmt.Errorf("no go.mod above %s", here)
}

// run is a storm under way.
type run struct {
	plan
	pkg, name, dir string
	fn             reflect.Value
	types          []reflect.Type
	pool           [][]reflect.Value
	trial          trial
	rng            *rand.Rand
	change         mutator
	args           []reflect.Value // of the execution under way; the first is the trial
	done           atomic.Int64
	peak           atomic.Uint64
	onHang         func()
	slowest        atomic.Int64 // nanoseconds
	grown          string
}

// all runs everything and says what failed.
func (r *run) all() string {
	r.rng = rand.New(rand.NewPCG(r.seed, uint64(len(r.name))))
	r.change.rng = r.rng
	r.args = make([]reflect.Value, len(r.types)+1)
	r.args[0] = reflect.New(reflect.TypeFor[testing.TB]()).Elem() // of the body's own type: nothing to convert at every call
	r.args[0].Set(reflect.ValueOf(&r.trial))
	for _, in := range r.pool {
		for _, v := range in {
			if b, ok := bytesOf(v); ok {
				r.change.learn(b)
			}
		}
	}
	stop := r.watch()
	defer stop()
	var tenth, end heap
	before := time.Now()
	last := before
	for i := range r.runs {
		if i < len(r.pool) {
			copy(r.args[1:], r.pool[i])
		} else {
			r.draw()
		}
		if failure := r.once(); failure != "" {
			return failure
		}
		now := time.Now()
		if took := int64(now.Sub(last)); took > r.slowest.Load() {
			r.slowest.Store(took)
		}
		last = now
		r.done.Add(1)
		if i == r.runs/10 {
			tenth = measure()
			last = time.Now()
		}
	}
	took := time.Since(before)
	end = measure()
	r.note("done", took, tenth, end)
	if end.bytes > tenth.bytes+r.growth {
		r.grown = fmt.Sprintf("the heap has grown from %d bytes at a tenth of %d executions to %d at their end", tenth.bytes, r.runs, end.bytes)
	}
	if end.routines > tenth.routines {
		r.grown = fmt.Sprintf("%d goroutines at a tenth of %d executions, %d at their end", tenth.routines, r.runs, end.routines)
	}
	return ""
}

// draw makes the next input: one of the corpus with one of its arguments changed, or some of them.
func (r *run) draw() {
	in := r.small()
	copy(r.args[1:], in)
	at := r.rng.IntN(len(in))
	for i, v := range in {
		if i != at && r.rng.IntN(4) > 0 {
			continue
		}
		to := reflect.New(v.Type()).Elem()
		switch v.Kind() {
		case reflect.String, reflect.Slice:
			src, _ := bytesOf(v)
			other, _ := bytesOf(r.small()[i])
			if out := r.change.change(src, other); v.Kind() == reflect.String {
				to.SetString(string(out))
			} else {
				to.SetBytes(append(make([]byte, 0, len(out)), out...)) // no room behind it: an append would hide a write
			}
		case reflect.Uint8, reflect.Uint16:
			to.SetUint(r.rng.Uint64() & (1<<v.Type().Bits() - 1))
		default:
			to.SetInt(r.change.number())
		}
		r.args[i+1] = to
	}
}

// small draws an input of the corpus, half of the time the smaller of two.
func (r *run) small() []reflect.Value {
	in := pick(&r.change, r.pool)
	if r.rng.IntN(2) == 0 {
		if other := pick(&r.change, r.pool); size(other) < size(in) {
			return other
		}
	}
	return in
}

func size(in []reflect.Value) int {
	n := 0
	for _, v := range in {
		if k := v.Kind(); k == reflect.Slice || k == reflect.String {
			n += v.Len()
		}
	}
	return n
}

func bytesOf(v reflect.Value) ([]byte, bool) {
	switch v.Kind() {
	case reflect.Slice:
		return v.Bytes(), true
	case reflect.String:
		return []byte(v.String()), true
	default:
		return nil, false
	}
}

// once executes the body; what it failed on is returned.
func (r *run) once() (failure string) {
	defer func() {
		if v := recover(); v != nil && v != errStop { //nolint:errorlint // the very value
			failure = fmt.Sprintf("panic: %v\n%s", v, debug.Stack())
		} else if r.trial.failed {
			failure = r.trial.text.String()
		}
	}()
	r.fn.Call(r.args)
	return ""
}

func short(text string) string {
	if len(text) > 4000 {
		return text[:4000] + "..."
	}
	return text
}
