package models

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// Strings is a list column, stored as JSON text; nil is stored as [].
type Strings []string

// Value stores JSON text.
func (s Strings) Value() (driver.Value, error) {
	if len(s) == 0 {
		return "[]", nil
	}
	return jsonText([]string(s))
}

// Scan reads JSON text.
func (s *Strings) Scan(src any) error {
	*s = nil // an empty column sets nothing below, and a map would be merged
	return scanJSON(src, (*[]string)(s))
}

// MarshalJSON writes [] for nil.
func (s Strings) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(s))
}

// StringMap is a name -> name column (aliases), stored as JSON text.
type StringMap map[string]string

// Value stores JSON text.
func (m StringMap) Value() (driver.Value, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	return jsonText(map[string]string(m))
}

// Scan reads JSON text.
func (m *StringMap) Scan(src any) error {
	*m = nil // an empty column sets nothing below, and a map would be merged
	return scanJSON(src, (*map[string]string)(m))
}

// MarshalJSON writes {} for nil.
func (m StringMap) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]string(m))
}

// IntMap is a model -> limit column, stored as JSON text; nil is null on the wire.
type IntMap map[string]int64

// Value stores JSON text.
func (m IntMap) Value() (driver.Value, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	return jsonText(map[string]int64(m))
}

// Scan reads JSON text.
func (m *IntMap) Scan(src any) error {
	*m = nil // an empty column sets nothing below, and a map would be merged
	return scanJSON(src, (*map[string]int64)(m))
}

// JSON is a free object column (metadata), kept as the caller's own bytes so that number formats survive.
type JSON json.RawMessage

// Value stores the text; empty is {}.
func (j JSON) Value() (driver.Value, error) {
	if len(j) == 0 {
		return "{}", nil
	}
	return string(j), nil
}

// Scan reads the text.
func (j *JSON) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*j = nil
	case []byte:
		*j = bytes.Clone(v)
	case string:
		*j = JSON(v)
	default:
		return fmt.Errorf("cannot read JSON from %T", src)
	}
	return nil
}

// GormDataType keeps GORM from taking JSON for a blob.
func (JSON) GormDataType() string { return "text" }

// MarshalJSON writes the object; empty is {}.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j) == 0 {
		return []byte("{}"), nil
	}
	return j, nil
}

// UnmarshalJSON keeps a copy of the bytes.
func (j *JSON) UnmarshalJSON(b []byte) error {
	*j = bytes.Clone(b)
	return nil
}

func jsonText(v any) (driver.Value, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode column: %w", err)
	}
	return string(b), nil
}

func scanJSON(src, dst any) error {
	var b []byte
	switch v := src.(type) {
	case nil:
		return nil
	case []byte:
		b = v
	case string:
		b = []byte(v)
	default:
		return fmt.Errorf("cannot read JSON from %T", src)
	}
	if len(b) == 0 || string(b) == "[]" || string(b) == "{}" { // most columns of most rows: a million keys load at once
		return nil
	}
	if err := json.Unmarshal(b, dst); err != nil {
		return fmt.Errorf("decode column: %w", err)
	}
	return nil
}

// Value stores JSON text.
func (m ModelBudgets) Value() (driver.Value, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	return jsonText(map[string]ModelBudget(m))
}

// Scan reads JSON text.
func (m *ModelBudgets) Scan(src any) error {
	*m = nil // an empty column sets nothing below, and a map would be merged
	return scanJSON(src, (*map[string]ModelBudget)(m))
}
