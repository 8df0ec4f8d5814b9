package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// maxRead is how much a server may say in all, in bytes.
const maxRead = 256 << 10

// maxSession is how long a session lasts where the context allows for more.
const maxSession = 5 * time.Minute

// step is how far a session has come.
type step string

const (
	connecting step = "connect"
	greeting   step = "wait for the greeting"
	securing   step = "start TLS"
	loggingIn  step = "log in"
	naming     step = "name the sender"
	addressing step = "name a recipient"
	sending    step = "send the message"
	ending     step = "wait for the answer to the message" // which the server has, whole
)

// Faults of a session that no reply names.
var (
	errNoTLS   = errors.New("the server does not offer STARTTLS, or something on the way hides it; nothing is sent without TLS unless tls: none says so")
	errNoAuth  = errors.New("the server offers no way to log in that is known here, which are PLAIN and LOGIN")
	errTooMuch = fmt.Errorf("the server says more than %d KiB", maxRead>>10)
)

// session is one connection to a server, ready for mails. Go-mail's own client is not used
// above its package smtp: it sends a mail to nobody where one recipient is refused, and
// does not say whether the message was out when the connection broke.
type session struct {
	client *smtp.Client
	conn   net.Conn // below TLS
	stop   func() bool
	step   step
}

// open connects to t, where guard lets it, as far as that it takes mails. The session lives
// no longer than ctx. Where there is an error the session says how far it came; it is closed
// then.
func (t *target) open(ctx context.Context, guard egress.Guard) (*session, error) {
	s := &session{step: connecting}
	if err := s.open(ctx, t, guard); err != nil {
		s.close()
		return s, err
	}
	return s, nil
}

func (s *session) open(ctx context.Context, t *target, guard egress.Guard) error {
	dialer := net.Dialer{Control: guard.Control}
	conn, err := dialer.DialContext(ctx, "tcp", t.server())
	if err != nil {
		return err
	}
	s.conn = conn
	s.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	var carrier net.Conn = &bounded{Conn: conn, left: maxRead}
	secure := t.security == implicit
	if secure {
		s.step = securing
		over := tls.Client(carrier, t.tls)
		if err := over.HandshakeContext(ctx); err != nil {
			return err
		}
		carrier = over
	}
	s.step = greeting
	if s.client, err = smtp.NewClient(carrier, t.host); err != nil {
		return err
	}
	if err := s.client.Hello(t.name(conn)); err != nil {
		return err
	}
	if t.security == startTLS {
		s.step = securing
		if offered, _ := s.client.Extension("STARTTLS"); !offered {
			return errNoTLS
		}
		if err := s.client.StartTLS(t.tls); err != nil {
			return err
		}
		secure = true
	}
	if t.username != "" && secure { // the options see to it that it is
		s.step = loggingIn
		if err := s.logIn(t); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) logIn(t *target) error {
	_, offered := s.client.Extension("AUTH")
	for mechanism := range strings.FieldsSeq(strings.ToUpper(offered)) {
		switch mechanism {
		case "PLAIN":
			return s.client.Auth(smtp.PlainAuth("", t.username, t.password, t.host, false))
		case "LOGIN":
			return s.client.Auth(smtp.LoginAuth(t.username, t.password, t.host, false))
		}
	}
	return errNoAuth
}

// name is what the server is greeted with: the machine's name where it is a whole one,
// else its address, as RFC 5321 has it.
func (t *target) name(conn net.Conn) string {
	if t.hello != "" {
		return t.hello
	}
	if host, err := os.Hostname(); err == nil && strings.Contains(host, ".") && isHello(host) == "" {
		return host
	}
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case local.IP.To4() == nil:
		return "[IPv6:" + local.IP.String() + "]"
	}
	return "[" + local.IP.String() + "]"
}

// quit takes leave, without waiting long: nothing depends on the answer.
func (s *session) quit() {
	if s.stop() { // else ctx is over and the deadline past
		_ = s.conn.SetDeadline(time.Now().Add(time.Second))
		_ = s.client.Quit()
	}
}

func (s *session) close() {
	if s.stop != nil {
		s.stop()
	}
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// bounded is a connection from which so much can be read and no more.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
