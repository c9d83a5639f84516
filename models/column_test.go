package models

import (
	"reflect"
	"testing"
)

func TestColumnsForgetWhatTheyHeld(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		column interface{ Scan(src any) error }
		text   any
		want   any
	}{
		"empty list":         {&Strings{"old"}, "[]", &[]Strings{nil}[0]},
		"no list":            {&Strings{"old"}, nil, &[]Strings{nil}[0]},
		"list":               {&Strings{"old", "older"}, `["new"]`, &Strings{"new"}},
		"empty map":          {&StringMap{"old": "x"}, []byte("{}"), &[]StringMap{nil}[0]},
		"map":                {&StringMap{"old": "x"}, `{"a":"b"}`, &StringMap{"a": "b"}},
		"limits":             {&IntMap{"old": 1}, `{"a":2}`, &IntMap{"a": 2}},
		"budgets":            {&ModelBudgets{"old": {}}, `{"m":{"budget_limit":0.5}}`, &ModelBudgets{"m": {Limit: USD / 2}}},
		"free object":        {&JSON{'x'}, `{"a": 1.0}`, &[]JSON{JSON(`{"a": 1.0}`)}[0]},
		"no object":          {&JSON{'x'}, nil, &[]JSON{nil}[0]},
		"empty budget limit": {&ModelBudgets{"old": {}}, "", &[]ModelBudgets{nil}[0]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := tc.column.Scan(tc.text); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(tc.column, tc.want) {
				t.Errorf("got %v, want %v", tc.column, tc.want)
			}
		})
	}
	for name, column := range map[string]interface{ Scan(src any) error }{
		"a number": new(Strings), "a number as object": new(JSON),
	} {
		if err := column.Scan(3.5); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if err := new(IntMap).Scan(`{"a":`); err == nil {
		t.Error("broken JSON was read")
	}
}

// Whatever two rows hold, they have the same sum only if they are the same.
func TestAuditSumsTellRowsApart(t *testing.T) {
	t.Parallel()
	rows := map[string]AuditRow{
		"nothing": {}, "actor": {ActorID: "a"}, "actor and action": {ActorID: "a", Action: "b"}, "all in the actor": {ActorID: `a","b`},
		"object": {ObjectID: "a"}, "place": {Seq: 1}, "before": {PrevHash: "x"}, "time": {At: FromMicros(1)}, "values": {After: JSON("{}")},
	}
	seen := map[string]string{}
	for name, row := range rows {
		sum, err := row.Sum()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[sum]; ok {
			t.Errorf("%s and %s have the same sum", name, other)
		}
		seen[sum] = name
		row.RowHash = "anything"
		if again, err := row.Sum(); err != nil || again != sum {
			t.Errorf("%s: the sum covers itself (%v)", name, err)
		}
	}
}
