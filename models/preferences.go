package models

import "encoding/json"

// Preferences are how the portal looks to a person, wherever they sign in. "" is no choice.
type Preferences struct {
	Language string `json:"language,omitempty"` // "en", "zh-CN"
	Theme    string `json:"theme,omitempty"`    // "system", "light", "dark"
	TimeZone string `json:"time_zone,omitempty"`
	// Shortcuts is "on" when single keys do something, else "off".
	Shortcuts string `json:"shortcuts,omitempty"`
}

// PreferencesOf reads what a user's row keeps; what cannot be read is no choice.
func PreferencesOf(j JSON) Preferences {
	var p Preferences
	if len(j) > 0 && json.Unmarshal(j, &p) != nil {
		return Preferences{}
	}
	return p
}

// JSON is p as a row keeps it.
func (p Preferences) JSON() (JSON, error) { return json.Marshal(p) }

// Or fills what p leaves open from other.
func (p Preferences) Or(other Preferences) Preferences {
	pick := func(a, b string) string {
		if a == "" {
			return b
		}
		return a
	}
	return Preferences{
		Language: pick(p.Language, other.Language), Theme: pick(p.Theme, other.Theme), TimeZone: pick(p.TimeZone, other.TimeZone),
		Shortcuts: pick(p.Shortcuts, other.Shortcuts),
	}
}
