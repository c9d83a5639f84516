package models

import (
	"fmt"
	"log/slog"
)

// Secret is a value that must not be printed: every way of showing it gives ***. Reveal is the one way to the
// value itself, and lint allows it in few packages.
type Secret struct{ value string }

// NewSecret wraps a value; the empty string is "not set".
func NewSecret(v string) Secret { return Secret{value: v} }

// Reveal returns the raw value.
func (s Secret) Reveal() string { return s.value }

// IsSet says whether there is a value.
func (s Secret) IsSet() bool { return s.value != "" }

// String hides the value.
func (s Secret) String() string { return "***" }

// Format hides the value for every verb, %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalJSON hides the value.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
