package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The bounds of a file: aliases can make a small file name billions of nodes.
const (
	maxFileBytes = 16 << 20
	maxNodes     = 500_000
	maxDepth     = 100
)

var yamlLine = regexp.MustCompile(`line (\d+)`)

// readFile parses one YAML file. A fault is reported, at from when another file names this one, and gives nil.
func (l *loader) readFile(path string, from ref) *value {
	name := displayName(path)
	unreadable := func(why string) *value {
		if from.value != nil {
			l.fault(from.value, from.path, "%s", why)
		} else {
			l.faultAt(name, 0, "", "%s", why)
		}
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return unreadable("cannot be read: " + reason(err))
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	switch {
	case err != nil:
		return unreadable("cannot be read: " + reason(err))
	case len(data) > maxFileBytes:
		return unreadable("is larger than 16 MiB")
	}
	return l.parse(name, data)
}

// displayName is how findings name a file: the path of the machine says nothing to the reader of the file.
func displayName(path string) string { return filepath.Base(path) }

// reason is the system's word for a failure, without the path.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// parse reads one document. YAML 1.1 rules apply to plain scalars, whatever the library made of them.
func (l *loader) parse(name string, data []byte) (root *value) {
	// The parser is known to have panicked on odd input; a configuration must give a message instead.
	defer func() {
		if r := recover(); r != nil {
			l.faultAt(name, 0, "", "is not valid YAML")
			root = nil
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return &value{kind: kindMap, file: name, line: 1}
	}
	if err != nil {
		line := 0
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		// The library's own text can quote the file, so only its place and its kind are passed on.
		l.faultAt(name, line, "", "is not valid YAML: %s", yamlComplaint(err))
		return nil
	}
	var second yaml.Node
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		l.faultAt(name, second.Line, "", "holds more than one document")
		return nil
	}
	c := converter{l: l, file: name, open: map[*yaml.Node]bool{}}
	if len(doc.Content) != 1 {
		return &value{kind: kindMap, file: name, line: 1}
	}
	root = c.convert(doc.Content[0], 0)
	switch {
	case c.failed:
		return nil
	case root.kind == kindNull:
		return &value{kind: kindMap, file: name, line: 1}
	case root.kind != kindMap:
		l.faultAt(name, root.line, "", "must be a map of settings, not %s", root.kind)
		return nil
	}
	return root
}

func yamlComplaint(err error) string {
	text := err.Error()
	for _, known := range [...]string{
		"did not find expected key", "mapping values are not allowed in this context", "found character that cannot start any token",
		"could not find expected ':'", "did not find expected '-' indicator", "found unexpected end of stream", "did not find expected ',' or ']'",
		"did not find expected ',' or '}'", "found unknown escape character", "block sequence entries are not allowed in this context",
		"control characters are not allowed", "did not find expected <document start>", "unknown anchor", "found a tab character",
	} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return "it cannot be parsed here"
}

type converter struct {
	l      *loader
	file   string
	nodes  int
	open   map[*yaml.Node]bool // aliases being expanded: an anchor may not hold itself
	failed bool
}

func (c *converter) fail(n *yaml.Node, message string) *value {
	if !c.failed {
		c.l.faultAt(c.file, n.Line, "", "%s", message)
	}
	c.failed = true
	return &value{file: c.file, line: n.Line}
}

func (c *converter) convert(n *yaml.Node, depth int) *value {
	c.nodes++
	if c.nodes > maxNodes || depth > maxDepth {
		return c.fail(n, "is nested too deep or repeats too much through aliases")
	}
	v := &value{file: c.file, line: n.Line}
	switch n.Kind {
	case yaml.AliasNode:
		if c.open[n.Alias] {
			return c.fail(n, "an anchor holds itself")
		}
		c.open[n.Alias] = true
		v = c.convert(n.Alias, depth+1)
		delete(c.open, n.Alias)
	case yaml.ScalarNode:
		v.text = n.Value
		v.kind = kindText
		quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
		if tagged := n.Style&yaml.TaggedStyle != 0 && n.Tag == "!!str"; !quoted && !tagged {
			v.resolve()
		}
	case yaml.SequenceNode:
		v.kind = kindList
		for _, e := range n.Content {
			v.list = append(v.list, c.convert(e, depth+1))
		}
	case yaml.MappingNode:
		v.kind, v.items = kindMap, map[string]*value{}
		c.mapping(v, n, depth)
	case yaml.DocumentNode:
		return c.fail(n, "holds a document inside a document")
	default:
		v.kind = kindNull
	}
	return v
}

func (c *converter) mapping(v *value, n *yaml.Node, depth int) {
	var merged []*value
	for i := 0; i+1 < len(n.Content) && !c.failed; i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			c.fail(key, "a key must be a plain word")
			return
		}
		e := c.convert(n.Content[i+1], depth+1)
		if key.Value == "<<" && key.Style == 0 {
			merged = append(merged, e)
			continue
		}
		if _, twice := v.items[key.Value]; twice {
			c.l.warnAt(c.file, key.Line, key.Value, "is given twice; the last one counts")
		} else {
			v.names = append(v.names, key.Value)
		}
		if e.line == 0 || e.kind == kindNull {
			e.line = key.Line // an empty value has no place of its own
		}
		v.items[key.Value] = e
	}
	for _, m := range merged {
		sources := []*value{m}
		if m.kind == kindList {
			sources = m.list
		}
		for _, s := range sources {
			for _, name := range s.names {
				if _, own := v.items[name]; !own {
					v.names = append(v.names, name)
					v.items[name] = s.items[name]
				}
			}
		}
	}
}

// include merges the files named by include: a list is appended, anything else replaces what the main file has.
func (l *loader) include(root *value, dir string) {
	list := root.get("include")
	l.resolve(list, "include")
	if list.isNull() {
		return
	}
	if list.kind == kindText {
		list = &value{kind: kindList, list: []*value{list}, file: list.file, line: list.line}
	}
	if list.kind != kindList {
		l.fault(list, "include", "must be a list of files")
		return
	}
	for i, e := range list.list {
		path := fmt.Sprintf("include[%d]", i)
		if e.kind != kindText || e.text == "" {
			l.fault(e, path, "must be the name of a file")
			continue
		}
		name := e.text
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		more := l.readFile(name, ref{e, path})
		if more == nil {
			continue
		}
		l.merge(root, more)
	}
}

func (l *loader) merge(root, more *value) {
	for _, name := range more.names {
		e, have := more.items[name], root.items[name]
		switch {
		case name == "include":
			l.warn(e, name, "has no effect inside an included file")
		case have.isNull():
			if have == nil {
				root.names = append(root.names, name)
			}
			root.items[name] = e
		case have.kind == kindList && e.kind == kindList:
			have.list = append(have.list, e.list...)
		default:
			l.warn(e, name, "replaces the block of the same name in %s", have.file)
			root.items[name] = e
		}
	}
}
