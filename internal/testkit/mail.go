package testkit

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// MailOptions say what kind of mail server it is.
type MailOptions struct {
	StartTLS bool   // offers STARTTLS
	Implicit bool   // TLS from the first byte
	Password string // asks for "mailer" and this; "" takes mail from everybody
}

// MailStage is a moment at which a mail server can refuse, wait or hang up.
type MailStage string

// The stages of a mail.
const (
	MailHello     MailStage = "hello"     // somebody has connected
	MailRecipient MailStage = "recipient" // and has named a recipient
	MailContent   MailStage = "content"   // and has sent the mail, which is not taken yet
)

// MailReply is what a mail server does at a stage; the zero MailReply goes on.
type MailReply struct {
	Code int             // refuses with this code
	Text string          // and these words
	Drop bool            // hangs up without a word
	Keep bool            // with Drop at MailContent: the mail is taken all the same, and the sender does not know
	Gate <-chan struct{} // waits before it goes on, until the gate opens or the server stops
}

// MailServer is a real SMTP server that keeps what it is sent.
type MailServer struct {
	Host  string
	Port  int
	Roots *x509.CertPool // trusts its certificate

	options MailOptions
	server  *smtp.Server
	stopped chan struct{}
	stop    func()

	mu     sync.Mutex
	behave func(stage MailStage, to string) MailReply
	got    []Letter
	tries  int
	news   chan struct{}
}

// Letter is a mail as it was received.
type Letter struct {
	From, To  string
	Subject   string
	Text      string
	HTML      string
	MessageID string
	Header    mail.Header
	User      string // who signed in
	TLS       bool
}

// NewMailServer starts a mail server that ends with the test.
func NewMailServer(tb testing.TB, o MailOptions) *MailServer {
	tb.Helper()
	m, err := ServeMail("127.0.0.1:0", o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(m.Close)
	return m
}

// ServeMail starts a mail server on an address.
func ServeMail(addr string, o MailOptions) (*MailServer, error) {
	m := &MailServer{options: o, stopped: make(chan struct{}), news: make(chan struct{})}
	m.stop = sync.OnceFunc(func() { close(m.stopped) })
	ln, err := net.Listen("tcp", addr) //nolint:noctx // ends with Close
	if err != nil {
		return nil, fmt.Errorf("listen for mail: %w", err)
	}
	at, _ := ln.Addr().(*net.TCPAddr)
	m.Host, m.Port = "127.0.0.1", at.Port
	m.server = smtp.NewServer(smtp.BackendFunc(m.session))
	m.server.Domain, m.server.AllowInsecureAuth = "mail.test", true
	m.server.ErrorLog = quiet{}
	if o.StartTLS || o.Implicit {
		lender := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
		config := &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}
		m.Roots = x509.NewCertPool()
		m.Roots.AddCert(lender.Certificate())
		lender.Close()
		if o.Implicit {
			ln = tls.NewListener(ln, config)
		} else {
			m.server.TLSConfig = config
		}
	}
	go func() { _ = m.server.Serve(ln) }() // ends with Close
	return m, nil
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// Close stops the server and ends every connection.
func (m *MailServer) Close() {
	m.stop()
	_ = m.server.Close()
}

// Behave sets what it does from now on; nil takes every mail.
func (m *MailServer) Behave(f func(stage MailStage, to string) MailReply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.behave = f
}

// Tries is how many connections there were.
func (m *MailServer) Tries() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries
}

// Letters are the mails that it has, in the order in which they came.
func (m *MailServer) Letters() []Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// WaitLetters waits until there are n mails and gives all there are.
func (m *MailServer) WaitLetters(tb testing.TB, n int) []Letter {
	tb.Helper()
	m.wait(tb, fmt.Sprintf("%d mails", n), func() bool { return len(m.got) >= n })
	return m.Letters()
}

// WaitTries waits until there were n connections.
func (m *MailServer) WaitTries(tb testing.TB, n int) {
	tb.Helper()
	m.wait(tb, fmt.Sprintf("%d connections", n), func() bool { return m.tries >= n })
}

func (m *MailServer) wait(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	deadline := time.After(Patience)
	for {
		m.mu.Lock()
		ok, news, have := done(), m.news, len(m.got)
		m.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-deadline:
			tb.Fatalf("still waiting for %s; there are %d mails", what, have)
		}
	}
}

func (m *MailServer) tell(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	close(m.news)
	m.news = make(chan struct{})
}

var errHungUp = errors.New("the connection is gone")

// at is what happens at a stage: nil to go on.
func (m *MailServer) at(stage MailStage, to string, c *smtp.Conn, keep func()) error {
	m.mu.Lock()
	behave := m.behave
	m.mu.Unlock()
	if behave == nil {
		return nil
	}
	r := behave(stage, to)
	if r.Gate != nil {
		select {
		case <-r.Gate:
		case <-m.stopped:
			return errHungUp
		}
	}
	switch {
	case r.Drop:
		if r.Keep && keep != nil {
			keep()
		}
		_ = c.Conn().Close()
		return errHungUp
	case r.Code != 0:
		return &smtp.SMTPError{Code: r.Code, EnhancedCode: smtp.EnhancedCodeNotSet, Message: r.Text}
	}
	return nil
}

func (m *MailServer) session(c *smtp.Conn) (smtp.Session, error) {
	m.tell(func() { m.tries++ })
	if err := m.at(MailHello, "", c, nil); err != nil {
		return nil, err
	}
	return &mailSession{m: m, c: c}, nil
}

// mailSession is one connection.
type mailSession struct {
	m        *MailServer
	c        *smtp.Conn
	user     string
	from, to string
}

func (s *mailSession) Reset()        { s.from, s.to = "", "" }
func (s *mailSession) Logout() error { return nil }

func (s *mailSession) AuthMechanisms() []string {
	if s.m.options.Password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "mailer" || password != s.m.options.Password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if s.m.options.Password != "" && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.m.at(MailRecipient, to, s.c, nil)
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	l, err := readLetter(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: err.Error()}
	}
	_, secure := s.c.TLSConnectionState()
	l.From, l.To, l.User, l.TLS = s.from, s.to, s.user, secure || s.m.options.Implicit
	keep := func() { s.m.tell(func() { s.m.got = append(s.m.got, l) }) }
	if err := s.m.at(MailContent, s.to, s.c, keep); err != nil {
		return err
	}
	keep()
	return nil
}

// readLetter takes a mail with a text and an HTML form apart.
func readLetter(raw []byte) (Letter, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Letter{}, fmt.Errorf("read a mail: %w", err)
	}
	l := Letter{Header: msg.Header, MessageID: msg.Header.Get("Message-ID")}
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return l, fmt.Errorf("read a subject: %w", err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		return l, fmt.Errorf("a mail of type %q, wanted multipart/alternative: %w", kind, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return l, fmt.Errorf("read a part of a mail: %w", err)
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return l, fmt.Errorf("read a part of a mail: %w", err)
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			return l, fmt.Errorf("read a part of a mail: %w", err)
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		if kind == "text/html" {
			l.HTML = string(text)
		} else {
			l.Text = string(text)
		}
	}
}
