// Command fakeprovider runs testkit's fake model provider for tests that are not in Go. It prints one line of JSON with
// two addresses, the provider's and its control's, and ends when its standard input does.
//
//	POST   /script    [Reply…]   queue replies, see testkit.Reply
//	POST   /always    Reply      the reply when the queue is empty
//	GET    /requests             what the provider was sent
//	GET    /departures           the clients that left early
//	DELETE /                     forget script and requests
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"gatehouse/internal/testkit"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal("fakeprovider: ", err)
	}
}

func run() error {
	provider, err := testkit.ServeProvider("127.0.0.1:0")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // lives as long as the program
	if err != nil {
		return fmt.Errorf("listen for control: %w", err)
	}
	failed := make(chan error, 1)
	go func() {
		server := http.Server{Handler: control(provider), ReadHeaderTimeout: testkit.Patience}
		failed <- server.Serve(listener)
	}()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"url": provider.URL, "control": "http://" + listener.Addr().String()}); err != nil {
		return fmt.Errorf("print the addresses: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent, however it ends
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
		return nil
	}
}

// seen is a request as JSON shows it: the body as text.
type seen struct {
	Method  string      `json:"method"`
	Path    string      `json:"path"`
	Query   string      `json:"query"`
	Headers http.Header `json:"headers"`
	Body    string      `json:"body"`
	Model   string      `json:"model"`
	Stream  bool        `json:"stream"`
}

func control(provider *testkit.Provider) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /script", func(w http.ResponseWriter, r *http.Request) {
		var replies []testkit.Reply
		if read(w, r, &replies) {
			provider.Script(replies...)
		}
	})
	mux.HandleFunc("POST /always", func(w http.ResponseWriter, r *http.Request) {
		var reply testkit.Reply
		if read(w, r, &reply) {
			provider.Always(reply)
		}
	})
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) {
		all := []seen{}
		for _, r := range provider.Requests() {
			all = append(all, seen{r.Method, r.Path, r.Query, r.Header, string(r.Body), r.Model, r.Stream})
		}
		write(w, all)
	})
	mux.HandleFunc("GET /departures", func(w http.ResponseWriter, _ *http.Request) {
		write(w, append([]testkit.Gone{}, provider.Departures()...))
	})
	mux.HandleFunc("DELETE /", func(http.ResponseWriter, *http.Request) { provider.Reset() })
	return mux
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print("fakeprovider: ", err)
	}
}

// read decodes the body strictly, since a misspelt field would be a test that proves nothing.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
