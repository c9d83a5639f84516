package proxy

import (
	"reflect"
	"testing"

	"gatehouse/models"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/provider"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
)

// The memory of a call serves the next one: nothing of a call may be left in it, whatever became of that.
func TestNothingOfACallIsLeftInItsMemory(t *testing.T) {
	r := newRig(t, setup{})
	c := r.plane.begin(nil, provider.Messages)
	c.grant, c.asked, c.group = r.plane.master, "gpt", "gpt"
	c.hold.done.Store(true)
	c.hold.money = &c.lasting.money
	c.lasting.money.MaxTokens = 7
	c.rec = &c.lasting.record
	c.rec.KeyID, c.rec.Charges = "k", append(c.rec.Charges, models.ScopeCharge{Scope: "key:k"})
	c.sent.plan = &c.lasting.plan
	d := deployment("gpt", "openai", "gpt-4o")
	match := keyring.Match{Group: "gpt", Deployments: []*models.Deployment{&d}}
	if err := r.plane.Router.PlanInto(c.sent.plan, route.Request{Model: "gpt", Match: match}); err != nil {
		t.Fatal(err)
	}
	c.flight.Cancel(provider.ClientGone)
	room, permit := c.ways.room, c.ways.permit
	if room == nil || permit == nil {
		t.Fatal("the router has nobody to ask")
	}
	c.free()
	c.clear()

	if !reflect.ValueOf(&c.work).Elem().IsZero() {
		t.Errorf("left: %+v", &c.work)
	}
	if !reflect.ValueOf(&c.plan).Elem().IsZero() || !reflect.DeepEqual(&c.money, new(budget.Hold)) {
		t.Error("a plan or a hold is left")
	}
	charges := c.lasting.record.Charges
	if len(charges) != 0 || cap(charges) > 0 && charges[:1][0] != (models.ScopeCharge{}) {
		t.Errorf("charges %v are left", charges[:cap(charges)])
	}
	c.lasting.record.Charges = nil
	if !reflect.DeepEqual(c.lasting.record, spend.Record{}) {
		t.Errorf("record %+v is left", c.lasting.record)
	}
}
