package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"gatehouse/models"
)

// What people call their keys is text to Slack, not an order to it.
func TestNamesGiveSlackNoOrders(t *testing.T) {
	t.Parallel()
	var got struct{ Text string }
	slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer slack.Close()
	a := &alerts{http: slack.Client()}
	e := &alertEvent{Message: "Budget of key <!channel> & <https://evil.example|click>"}
	if err := a.send(t.Context(), hook{url: models.NewSecret(slack.URL), slack: true}, e); err != nil {
		t.Fatal(err)
	}
	if want := "Budget of key &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;"; got.Text != want {
		t.Errorf("Slack is told %q, want %q", got.Text, want)
	}
}
