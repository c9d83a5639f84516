package api_test

import (
	"net/http"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestDates: every report takes a date as clients write it: Terraform and dashboards send the + of a form for a space.
func TestDates(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	today := time.Now().UTC().Format(time.DateOnly)
	for _, path := range []string{
		"/spend/logs?", "/spend/logs?summarize=false&", "/spend/logs/ui?", "/spend/logs/v2?", "/spend/tags?", "/global/spend/logs?", "/global/spend/keys?",
		"/global/spend/teams?", "/global/spend/tags?", "/global/spend/provider?", "/global/spend/report?group_by=team&", "/global/activity?",
		"/global/activity/model?", "/global/activity/cache_hits?", "/user/daily/activity?", "/user/daily/activity/aggregated?", "/team/daily/activity?",
		"/tag/daily/activity?", "/organization/daily/activity?", "/customer/daily/activity?", "/audit?",
	} {
		for _, end := range []string{
			"", "+00:00:00", "%2000:00:00", "%2B00:00:00", " 23:59:59", "T00:00:00", "T23:59:59.999Z", "T00:00:00.000Z", "T00:00:00+00:00", "T00:00:00%2B00:00", "+00:00",
		} {
			if status, text := exchange(t, s, http.MethodGet, path+"start_date="+today+escape(end)+"&end_date="+today+escape(end), bearer(s), ""); status != http.StatusOK {
				t.Errorf("%s%s%s: %d %s", path, today, end, status, text)
			}
		}
		for _, bad := range []string{"yesterday", "2026-02-30", "14.11.2026", today + "X", today + "+25:00:00"} {
			e := refusal(t, path+bad, s.Do(t, http.MethodGet, path+"start_date="+query(bad)+"&end_date="+today, s.MasterKey, nil), http.StatusBadRequest)
			if e["param"] != "start_date" {
				t.Errorf("%s%s: names %v", path, bad, e["param"])
			}
		}
	}
}

// escape writes a space as a URL must; the + stays what it is.
func escape(text string) string {
	out := ""
	for _, r := range text {
		if r == ' ' {
			out += "%20"
			continue
		}
		out += string(r)
	}
	return out
}

func bearer(s *testkit.Server) map[string]string {
	return map[string]string{"Authorization": "Bearer " + s.MasterKey}
}
