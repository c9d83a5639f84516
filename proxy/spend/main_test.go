package spend

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(isChild) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}
