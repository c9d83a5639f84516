package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"gatehouse/app/config"
)

const fetchWithin = 10 * time.Second

// fetch reads what stands at an address of the configuration, at a start: by the proxy of the environment and the
// operator's certificates. Its errors do not quote the address, which may hold a token.
func fetch(s config.Server, address string, most int64) ([]byte, error) {
	client, err := providerClient(s)
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = nil // what is fetched is public, and such files move
	ctx, cancel := context.WithTimeout(context.Background(), fetchWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, errors.New("it is no address")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, errors.New("its server does not answer")
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("its server answers %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, errors.New("its server stopped in the middle")
	case int64(len(body)) > most:
		return nil, fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return body, nil
}
