package storm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The form is that of go test: a line that names it, and a line for each argument, as a Go conversion.
const corpusHead = "go test fuzz v1"

var errCorpus = errors.New("not an input of this target")

// decode reads an input of a target whose arguments have these types.
func decode(text string, types []reflect.Type) ([]reflect.Value, error) {
	rows := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if rows[0] != corpusHead || len(rows) != len(types)+1 {
		return nil, errCorpus
	}
	args := make([]reflect.Value, len(types))
	for i, typ := range types {
		name, inner, ok := strings.Cut(strings.TrimSuffix(rows[i+1], ")"), "(")
		if !ok || name != typeName(typ) && (name != "byte" || typ.Kind() != reflect.Uint8) {
			return nil, errCorpus
		}
		v := reflect.New(typ).Elem()
		switch typ.Kind() {
		case reflect.String, reflect.Slice:
			s, err := strconv.Unquote(inner)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errCorpus, err)
			}
			v.Set(reflect.ValueOf(s).Convert(typ))
		case reflect.Uint8, reflect.Uint16:
			n, err := strconv.ParseUint(inner, 0, 64)
			if err != nil {
				text, quoted := strconv.Unquote(inner) // a byte is written as a rune
				if quoted != nil {
					return nil, fmt.Errorf("%w: %w", errCorpus, err)
				}
				r, _ := utf8.DecodeRuneInString(text)
				n = uint64(r)
			}
			v.SetUint(n)
		default:
			n, err := strconv.ParseInt(inner, 0, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errCorpus, err)
			}
			v.SetInt(n)
		}
		args[i] = v
	}
	return args, nil
}

// encode writes an input.
func encode(args []reflect.Value) string {
	var out strings.Builder
	fmt.Fprintln(&out, corpusHead)
	for _, v := range args {
		switch v.Kind() {
		case reflect.String, reflect.Slice:
			fmt.Fprintf(&out, "%s(%q)\n", typeName(v.Type()), v.Convert(reflect.TypeFor[string]()).String())
		default:
			fmt.Fprintf(&out, "%s(%v)\n", typeName(v.Type()), v.Interface())
		}
	}
	return out.String()
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "[]byte"
	case reflect.Uint8:
		return "uint8"
	default:
		return t.Kind().String()
	}
}

// load reads the inputs of a folder; one that is not there has none.
func load(dir string, types []reflect.Type) ([][]reflect.Value, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the corpus: %w", err)
	}
	var out [][]reflect.Value
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the corpus: %w", err)
		}
		args, err := decode(string(text), types)
		if err != nil {
			return nil, fmt.Errorf("%s in %s: %w", f.Name(), dir, err)
		}
		out = append(out, args)
	}
	return out, nil
}

// save keeps an input as a case of the corpus and names its file.
func save(dir string, args []reflect.Value) (string, error) {
	text := encode(args)
	sum := sha256.Sum256([]byte(text))
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // part of the source tree
		return "", fmt.Errorf("keep the input: %w", err)
	}
	file := filepath.Join(dir, hex.EncodeToString(sum[:8]))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // as above
		return "", fmt.Errorf("keep the input: %w", err)
	}
	return file, nil
}
