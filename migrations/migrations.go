// Package migrations holds the schema. Files at the top are SQL that PostgreSQL and SQLite both run; a folder holds
// what only its database runs. A file never changes once it has landed: a new thought is a new number.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"
)

//go:embed *.sql postgres/*.sql sqlite/*.sql
var files embed.FS

// Postgres is the schema of PostgreSQL, all its files at the top.
func Postgres() fs.FS { return dialect("postgres") }

// SQLite is the schema of SQLite, all its files at the top.
func SQLite() fs.FS { return dialect("sqlite") }

// dialect lays one folder over the common files, since goose reads one flat folder.
type dialect string

// Open finds a file in the dialect's folder, else among the common ones.
func (d dialect) Open(name string) (fs.File, error) {
	if f, err := files.Open(string(d) + "/" + name); err == nil && name != "." {
		return f, nil
	}
	return files.Open(name)
}

// ReadDir lists the top only, which is all there is.
func (d dialect) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var all []fs.DirEntry
	for _, dir := range []string{".", string(d)} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("list migrations: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				all = append(all, e)
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name() < all[j].Name() })
	return all, nil
}
