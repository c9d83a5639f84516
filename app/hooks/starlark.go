package hooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	starjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// starlarkTime is how long a function may take.
const starlarkTime = 100 * time.Millisecond

// script is one function of one file. Its globals are frozen, so that calls share it without a lock.
type script struct {
	name     string // "module.star: function", for errors
	function *starlark.Function
	print    func(string) // nil drops what the function prints: it may hold a caller's secret
}

func compile(file, function string, source []byte) (*script, error) {
	thread := &starlark.Thread{Name: file, Print: func(*starlark.Thread, string) {}}
	thread.SetMaxExecutionSteps(maxSteps)
	timer := time.AfterFunc(time.Second, func() { thread.Cancel("the file took longer than a second to load") })
	defer timer.Stop()
	globals, err := starlark.ExecFileOptions(&syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}, thread, file, source, builtins())
	if err != nil {
		return nil, fmt.Errorf("%s cannot be loaded: %w; see %s", file, err, docsPage)
	}
	f, ok := globals[function].(*starlark.Function)
	if !ok {
		return nil, fmt.Errorf("%s has no function %s: write it there; see %s", file, function, docsPage)
	}
	globals.Freeze()
	return &script{name: file + ": " + function, function: f}, nil
}

// builtins is everything a rule has beside the language: no file, no network, no clock.
func builtins() starlark.StringDict {
	record := starlark.NewBuiltin("UserAPIKeyAuth", starlarkstruct.Make)
	return starlark.StringDict{
		"struct":         starlark.NewBuiltin("struct", starlarkstruct.Make),
		"UserAPIKeyAuth": record,
		"json":           starjson.Module,
		"fail":           starlark.NewBuiltin("fail", fail),
		"sha256":         starlark.NewBuiltin("sha256", sum),
	}
}

// fail ends the call with a refusal whose text may be shown to the caller.
func fail(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	message := ""
	for i, a := range args {
		if i > 0 {
			message += " "
		}
		if s, ok := starlark.AsString(a); ok {
			message += s
		} else {
			message += a.String()
		}
	}
	return nil, &Refusal{Message: message}
}

// sum is sha256(text) in hex, so that a rule can compare a key without holding it.
func sum(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &text); err != nil {
		return nil, err
	}
	h := sha256.Sum256([]byte(text))
	return starlark.String(hex.EncodeToString(h[:])), nil
}

// run calls the function, by position with as many inputs as it takes: the seeds' key rule takes one of the two.
func (s *script) run(ctx context.Context, in []input) (any, error) {
	thread := &starlark.Thread{Name: s.name, Print: func(_ *starlark.Thread, text string) {
		if s.print != nil {
			s.print(text)
		}
	}}
	thread.SetMaxExecutionSteps(maxSteps)
	ctx, cancel := context.WithTimeout(ctx, starlarkTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { thread.Cancel("it took too long") })()

	takes := len(in)
	if n := s.function.NumParams(); !s.function.HasVarargs() && n < takes {
		takes = n
	}
	args := make(starlark.Tuple, 0, takes)
	for _, i := range in[:takes] {
		v, err := toStarlark(i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		args = append(args, v)
	}
	answer, err := starlark.Call(thread, s.function, args, nil)
	if err != nil {
		var no *Refusal
		if errors.As(err, &no) {
			return nil, no
		}
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := ctx.Err(); err != nil { // a long built-in is not stopped halfway, but its answer comes too late
		return nil, fmt.Errorf("%s: it took too long: %w", s.name, err)
	}
	out, err := fromStarlark(answer, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return out, nil
}
