package email

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// authority vouches for the certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	a.cert, a.key, a.pem, _ = a.sign(t, template)
	return a
}

// issue makes a certificate of names that is good until end.
func (a *authority) issue(t testing.TB, end time.Time, names ...string) (pair tls.Certificate, certPEM, keyPEM string) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: end, Subject: pkix.Name{CommonName: "relay"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	_, _, certPEM, keyPEM = a.sign(t, template)
	pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		t.Fatal(err)
	}
	return pair, certPEM, keyPEM
}

func (a *authority) sign(t testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return cert, key, encode("CERTIFICATE", der), encode("PRIVATE KEY", raw)
}

// received is one mail that a relay took.
type received struct {
	from string
	to   []string
	data []byte
	utf8 bool
}

// relay is a real SMTP server that does as it is told.
type relay struct {
	server *smtp.Server
	host   string
	port   int

	mechanisms []string
	password   string                     // "" = nobody has to log in
	rcpt       func(to string) error      // nil = all are welcome
	data       func(r received) error     // nil = all is fine
	seen       func(*tls.ConnectionState) // of each who sends

	mu    sync.Mutex
	mails []received
	hello string
}

// start serves on loopback until the test ends. With over the connection is TLS at once.
func (r *relay) start(t testing.TB, config *tls.Config, over bool) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.host, r.port = "127.0.0.1", l.Addr().(*net.TCPAddr).Port
	if r.server == nil {
		r.server = smtp.NewServer(nil)
	}
	r.server.Backend = smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &visit{relay: r, conn: c}, nil })
	r.server.Domain = "relay.test"
	r.server.TLSConfig = config
	r.server.MaxLineLength = 1000 // RFC 5321, with the line's end
	r.server.ErrorLog = log.New(io.Discard, "", 0)
	if over {
		l = tls.NewListener(l, config)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = r.server.Serve(l) }()
	t.Cleanup(func() { _ = r.server.Close(); <-done })
	return r
}

// options lead to the relay.
func (r *relay) options(more map[string]any) map[string]any {
	o := map[string]any{"host": r.host, "port": r.port, "tls": "none", "from": "Bellbuoy <bell@example.com>", "to": []string{"ops@example.com"}}
	for k, v := range more {
		o[k] = v
	}
	return o
}

func (r *relay) received() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.mails...)
}

// visit is a connection to a relay.
type visit struct {
	relay *relay
	conn  *smtp.Conn
	in    bool
	mail  received
}

func (s *visit) AuthMechanisms() []string { return s.relay.mechanisms }

func (s *visit) Auth(mechanism string) (sasl.Server, error) {
	check := func(username, password string) error {
		s.in = username == "bell" && password == s.relay.password
		if !s.in {
			return smtp.ErrAuthFailed
		}
		return nil
	}
	if mechanism == "LOGIN" {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, username, password string) error { return check(username, password) }), nil
}

// loginServer is the server's side of LOGIN.
type loginServer struct {
	check    func(string, string) error
	username []byte
	turn     int
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.turn++
	switch l.turn {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.username = response
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(string(l.username), string(response))
}

func (s *visit) Mail(from string, opts *smtp.MailOptions) error {
	if s.relay.password != "" && !s.in {
		return smtp.ErrAuthRequired
	}
	if s.relay.seen != nil {
		if state, ok := s.conn.TLSConnectionState(); ok {
			s.relay.seen(&state)
		} else {
			s.relay.seen(nil)
		}
	}
	s.mail = received{from: from, utf8: opts.UTF8}
	s.relay.mu.Lock()
	s.relay.hello = s.conn.Hostname()
	s.relay.mu.Unlock()
	return nil
}

func (s *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.relay.rcpt != nil {
		if err := s.relay.rcpt(to); err != nil {
			return err
		}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *visit) Data(r io.Reader) (err error) {
	if s.mail.data, err = io.ReadAll(r); err != nil {
		return err
	}
	if s.relay.data != nil {
		if err := s.relay.data(s.mail); err != nil {
			return err
		}
	}
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.mails = append(s.relay.mails, s.mail)
	return nil
}

func (s *visit) Reset()        {}
func (s *visit) Logout() error { return nil }

// no is a reply that refuses: "550 5.1.1 no such user".
func no(reply string) error {
	code, err := strconv.Atoi(reply[:3])
	if err != nil {
		return errors.New("no code in " + reply)
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: reply[4:]}
}
