// Command fakemail runs testkit's mail server for tests that are not in Go. It prints one line of JSON with the address of
// the mail server and that of its control, and ends when its standard input does.
//
//	GET /letters   what it was sent
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
		log.Fatal("fakemail: ", err)
	}
}

func run() error {
	server, err := testkit.ServeMail("127.0.0.1:0", testkit.MailOptions{})
	if err != nil {
		return err
	}
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // lives as long as the program
	if err != nil {
		return fmt.Errorf("listen for control: %w", err)
	}
	failed := make(chan error, 1)
	go func() {
		control := http.Server{Handler: control(server), ReadHeaderTimeout: testkit.Patience}
		failed <- control.Serve(listener)
	}()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"host": server.Host, "port": server.Port, "control": "http://" + listener.Addr().String()}); err != nil {
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

func control(server *testkit.MailServer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /letters", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(append([]testkit.Letter{}, server.Letters()...)) // the test sees a cut answer
	})
	return mux
}
