package store

import (
	"strings"
	"unicode/utf8"

	"gatehouse/models/fault"
)

// MaxPage is the largest page any list gives.
const MaxPage = 1000

// maxIDs is how many ids one statement names: PostgreSQL takes 65,535 values.
const maxIDs = 20_000

// Page is which part of a list is wanted, and in which order. Number counts from 1; a Number or Size below 1 means 1
// and 25. Sort is a name from the list's own set; empty is the list's default order.
type Page struct {
	Number, Size int
	Sort         string
	Desc         bool
}

func (p Page) limits() (limit, offset int) {
	size := p.Size
	if size < 1 {
		size = 25
	}
	size = min(size, MaxPage)
	return size, (max(p.Number, 1) - 1) * size
}

// order gives the ORDER BY list for p.Sort out of columns (name -> SQL), with tie as the last word, so that pages
// neither repeat nor skip a row. Rows without a value come last either way round.
func (p Page) order(columns map[string]string, tie string) (string, error) {
	column, ok := columns[p.Sort]
	if !ok {
		return "", fault.BadField("sort_by", "%q is not a column this list can be sorted by", p.Sort)
	}
	direction := " ASC"
	if p.Desc {
		direction = " DESC"
	}
	name, nullable := strings.CutSuffix(column, "?")
	list := name + direction + ", " + tie + direction
	if nullable {
		list = name + " IS NULL, " + list
	}
	return list, nil
}

// Scope is what a caller may see of keys and of spend. The parts add up; the zero value sees nothing.
type Scope struct {
	All            bool
	UserID         string   // rows of this user
	TeamIDs        []string // whole teams
	ServiceTeamIDs []string // of these teams, the keys that belong to no user
	KeyIDs         []string // single keys
	CreatedBy      string   // keys this user made, whoever owns them
}

// keys is the condition on a table of keys called alias.
func (v Scope) keys(w *where, alias string) {
	if v.All {
		return
	}
	var any where
	if v.UserID != "" {
		any.add(alias+".user_id = ?", v.UserID)
	}
	if len(v.TeamIDs) > 0 {
		any.add(alias+".team_id IN ?", v.TeamIDs)
	}
	if len(v.ServiceTeamIDs) > 0 {
		any.add("("+alias+".team_id IN ? AND "+alias+".user_id IS NULL)", v.ServiceTeamIDs)
	}
	if len(v.KeyIDs) > 0 {
		any.add(alias+".id IN ?", v.KeyIDs)
	}
	if v.CreatedBy != "" {
		any.add(alias+".created_by = ?", v.CreatedBy)
	}
	w.either(any)
}

// spend is the condition on a table of calls or daily sums.
func (v Scope) spend(w *where) {
	if v.All {
		return
	}
	var any where
	if v.UserID != "" {
		any.add("(user_id = ? AND user_id <> '')", v.UserID) // SQLite's index has only those
	}
	if len(v.TeamIDs) > 0 {
		any.add("(team_id IN ? AND team_id <> '')", v.TeamIDs)
	}
	if len(v.ServiceTeamIDs) > 0 {
		any.add("(team_id IN ? AND team_id <> '' AND user_id = '')", v.ServiceTeamIDs)
	}
	if len(v.KeyIDs) > 0 {
		any.add("key_id IN ?", v.KeyIDs)
	}
	w.either(any)
}

// where collects conditions and their values. Conditions are literals of this package; values are always bound.
type where struct {
	parts []string
	args  []any
}

func (w *where) add(condition string, args ...any) {
	w.parts = append(w.parts, condition)
	w.args = append(w.args, args...)
}

// eq adds an equality unless the value is empty, which means "any".
func (w *where) eq(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// set is eq for a column of which only the rows with a value are indexed: the condition names that index.
func (w *where) set(column, value string) {
	if value != "" {
		w.add("("+column+" = ? AND "+column+" <> '')", value)
	}
}

// in adds a list unless it is empty, which means "any".
func (w *where) in(column string, values []string) {
	if len(values) > 0 {
		w.add(column+" IN ?", values)
	}
}

// like adds a search for text anywhere in one of the columns, without regard to case.
func (w *where) like(text string, columns ...string) {
	if text == "" {
		return
	}
	var any where
	for _, column := range columns {
		any.add(lowered(text, column)+" LIKE ? ESCAPE '\\'", contains(text))
	}
	w.either(any)
}

// lowered is the expression for a column in lower case, as a search for text needs it: SQLite's own lower knows ASCII alone,
// and the function that knows more costs more.
func lowered(text, column string) string {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return "gatehouse_fold(" + column + ")"
		}
	}
	return "lower(" + column + ")"
}

// either adds the conditions of any, of which one must hold; none at all holds for no row.
func (w *where) either(any where) {
	if len(any.parts) == 0 {
		w.add("1 = 0")
		return
	}
	w.add("("+strings.Join(any.parts, " OR ")+")", any.args...)
}

func (w *where) sql() string {
	if len(w.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.parts, " AND ")
}

// contains is the LIKE pattern for text anywhere, its own wildcards taken literally.
func contains(text string) string {
	return "%" + escapeLike(strings.ToLower(text)) + "%"
}

func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// clean makes text storable in both databases: valid UTF-8 without NUL. What outsiders send reaches the ledger and the
// audit log as it is, and one such byte must not make a whole batch fail for ever.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
