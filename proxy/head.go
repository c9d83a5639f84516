package proxy

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"

	"gatehouse/models/fault"
)

// head is what the plane reads of a request's header lines, gathered in one pass. The byte slices are views of the
// request and gone when the handler returns.
type head struct {
	custom, ours, authorization, azure, anthropic, google, apim []byte // candidates for the key, nil = absent
	forwarded                                                   []byte
	userAgent                                                   []byte
	timeout, streamTimeout, retries, stainless                  []byte
	tags, customer, endUser, userHeader, logsMetadata           []byte
	callID, sessionID                                           []byte
	streamCost                                                  bool
	organization                                                []byte
}

// maxFields bounds the header lines of a request.
const maxFields = 100

// present keeps an empty value apart from an absent one.
func present(v []byte) []byte {
	if v == nil {
		return []byte{}
	}
	return v
}

// readHead gathers the headers. keyHeader and userHeader are names that the operator chose, in canonical form.
func readHead(h *fasthttp.RequestHeader, keyHeader, userHeader string) head {
	var out head
	h.VisitAll(func(k, v []byte) {
		v = present(v)
		if keyHeader != "" && string(k) == keyHeader {
			out.custom = v
		}
		if userHeader != "" && string(k) == userHeader {
			out.userHeader = v
		}
		switch k[0] {
		case 'A':
			switch string(k) {
			case "Authorization":
				out.authorization = v
			case "Api-Key":
				out.azure = v
			}
		case 'O':
			switch string(k) {
			case "Ocp-Apim-Subscription-Key":
				out.apim = v
			case "Openai-Organization":
				out.organization = v
			}
		case 'U':
			if string(k) == "User-Agent" {
				out.userAgent = v
			}
		case 'X':
			out.readX(k, v)
		}
	})
	return out
}

// readX takes a header whose name begins with X. LiteLLM's names and ours mean the same.
func (h *head) readX(k, v []byte) {
	var name []byte
	switch {
	case bytes.HasPrefix(k, []byte("X-Litellm-")):
		name = k[len("X-Litellm-"):]
	case bytes.HasPrefix(k, []byte("X-Gatehouse-")):
		name = k[len("X-Gatehouse-"):]
	default:
		switch string(k) {
		case "X-Api-Key":
			h.anthropic = v
		case "X-Goog-Api-Key":
			h.google = v
		case "X-Forwarded-For":
			h.forwarded = v
		case "X-Stainless-Timeout":
			h.stainless = v
		}
		return
	}
	switch string(name) {
	case "Api-Key":
		h.ours = v
	case "Timeout":
		h.timeout = v
	case "Stream-Timeout":
		h.streamTimeout = v
	case "Num-Retries":
		h.retries = v
	case "Tags":
		h.tags = v
	case "Customer-Id":
		h.customer = v
	case "End-User-Id":
		h.endUser = v
	case "Spend-Logs-Metadata":
		h.logsMetadata = v
	case "Call-Id":
		h.callID = v
	case "Session-Id":
		h.sessionID = v
	case "Stream-Cost":
		h.streamCost = string(bytes.ToLower(v)) == "true"
	}
}

// The ways in which a request carries no usable key.
var (
	errNoKey     = errors.New("Authentication Error, No api key passed in.") //nolint:revive,staticcheck // LiteLLM's text
	errMalformed = errors.New("Malformed API Key passed in.")                //nolint:revive,staticcheck // LiteLLM's text
)

// secret finds the key: the first candidate that is present decides, also when it is the wrong one. With a header of
// the operator's choice, that one alone counts.
func (h *head) secret(keyHeader string) ([]byte, error) {
	if keyHeader != "" {
		if h.custom == nil {
			return nil, errNoKey
		}
		return nonempty(unbearer(h.custom))
	}
	switch {
	case h.ours != nil:
		return nonempty(unbearer(h.ours))
	case h.authorization != nil:
		if key := awsKey(h.authorization); key != nil {
			return nonempty(key)
		}
		key := unbearer(h.authorization)
		if len(key) == len(h.authorization) {
			return nil, errMalformed // no scheme, or one we do not speak
		}
		return nonempty(key)
	}
	for _, v := range [][]byte{h.azure, h.anthropic, h.google, h.apim} {
		if v != nil {
			return nonempty(v)
		}
	}
	return nil, errNoKey
}

func nonempty(key []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, errMalformed
	}
	return key, nil
}

// awsKey is the access key id of a request that an AWS SDK has signed: our key, where the SDK is pointed at us.
func awsKey(v []byte) []byte {
	rest, ok := bytes.CutPrefix(v, []byte("AWS4-HMAC-SHA256 "))
	if !ok {
		return nil
	}
	_, rest, _ = bytes.Cut(rest, []byte("Credential="))
	key, _, _ := bytes.Cut(rest, []byte{'/'})
	return present(key)
}

// unbearer takes "Bearer " off, in any case.
func unbearer(v []byte) []byte {
	const word = "bearer"
	if len(v) >= len(word) && strings.EqualFold(string(v[:len(word)]), word) {
		if len(v) == len(word) {
			return nil
		}
		if v[len(word)] == ' ' {
			return bytes.TrimSpace(v[len(word)+1:])
		}
	}
	return v
}

// Credential finds the key of a request where the data plane looks for it, for the admin API. keyHeader is
// general_settings.litellm_key_header_name. Errors: fault.Unauthenticated.
func Credential(h *fasthttp.RequestHeader, keyHeader string) (string, error) {
	keyHeader = canonical(keyHeader)
	got := readHead(h, keyHeader, "")
	key, err := got.secret(keyHeader)
	if err != nil {
		return "", fault.New(fault.Unauthenticated, err.Error()).WithType("auth_error")
	}
	return string(key), nil
}

// canonical is the form in which fasthttp keeps header names.
func canonical(name string) string {
	if name == "" {
		return ""
	}
	var h fasthttp.RequestHeader
	h.Set(name, "x")
	found := name
	h.VisitAll(func(k, _ []byte) {
		if strings.EqualFold(string(k), name) {
			found = string(k)
		}
	})
	return found
}

// CheckHead refuses requests that two servers could read differently: fasthttp takes the last of two Content-Lengths,
// both framings in one request, two Hosts or none, and lines that others end at a bare CR (reliability.md §8.3). The connection must be closed after a refusal.
func CheckHead(h *fasthttp.RequestHeader) error {
	var lengths, encodings, hosts, auths, fields int
	for raw := h.RawHeaders(); len(raw) > 0; {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		if len(line) == 0 || line[0] == '\r' {
			continue
		}
		if fields++; fields > maxFields {
			return errors.New("the request has too many header fields")
		}
		if end := bytes.IndexByte(line, '\r'); end >= 0 && end < len(line)-1 || bytes.IndexByte(line, 0) >= 0 {
			return errors.New("a header line holds a control character")
		}
		switch line[0] | 0x20 {
		case 'c', 't', 'h', 'a':
		case ' ' | 0x20, '\t' | 0x20:
			return errors.New("a header line begins with white space")
		default:
			continue
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		switch {
		case is(name, "content-length"):
			lengths++
		case is(name, "transfer-encoding"):
			encodings++
			if !is(bytes.TrimSpace(value), "chunked") {
				return errors.New("the transfer encoding is not chunked")
			}
		case is(name, "host"):
			hosts++
		case is(name, "authorization"):
			auths++
		}
	}
	switch {
	case lengths > 1, encodings > 1, lengths > 0 && encodings > 0:
		return errors.New("the request gives its length in two ways")
	case hosts > 1:
		return errors.New("the request names two hosts")
	case hosts == 0 && h.IsHTTP11() && len(h.Host()) == 0:
		return errors.New("the request names no host")
	case auths > 1:
		return errors.New("the request carries two Authorization headers")
	}
	return nil
}

func is(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// clientIP is the peer, or behind a trusted proxy the right-most address of X-Forwarded-For that is not itself one.
func (c *Config) clientIP(peer net.Addr, forwarded []byte) netip.Addr {
	ip := addrOf(peer)
	if !c.UseForwardedFor || !contains(c.TrustedProxies, ip) {
		return ip
	}
	hops := strings.Split(string(forwarded), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if hop = hop.Unmap(); !contains(c.TrustedProxies, hop) {
			return hop
		}
	}
	return ip
}

func addrOf(peer net.Addr) netip.Addr {
	if tcp, ok := peer.(*net.TCPAddr); ok {
		if a, ok := netip.AddrFromSlice(tcp.IP); ok {
			return a.Unmap()
		}
	}
	return netip.Addr{}
}

func contains(list []netip.Prefix, ip netip.Addr) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
