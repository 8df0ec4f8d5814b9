package email

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// maxRecipients of one target: as many as every server has to take, and as a delivery's
// notes on who has it have room for.
const maxRecipients = 100

// The ways to TLS.
const (
	startTLS = "starttls"
	implicit = "implicit"
	noTLS    = "none"
)

// target is a target's options, read.
type target struct {
	host, security, username, password string
	ca, cert, key, serverName, hello   string
	port                               int
	fromText                           string
	toTexts                            []string

	from address
	to   []address
	tls  *tls.Config
	mask *post.Mask
}

// table is the options of an email target.
func table() options.Table[target] {
	text := func(field func(*target) *string, rules ...options.Rule) func(*target) options.Value {
		return func(t *target) options.Value { return options.Text(field(t), append(rules, options.Filled)...) }
	}
	return options.Table[target]{
		Of:      "an email target",
		Example: `{host: smtp.example.com, from: bellbuoy@example.com, to: [ops@example.com]}`,
		Fields: []options.Field[target]{
			{
				Name: "host", Description: "the mail server to hand mails to",
				Missing: "give the name of the mail server, as smtp.example.com",
				Into:    text(func(t *target) *string { return &t.host }, isHost),
			},
			{
				Name: "port", Description: "of the mail server; left out: 587, with tls: implicit 465, with tls: none 25",
				Into: func(t *target) options.Value { return options.Int(&t.port, 1, 65535) },
			},
			{
				Name: "tls", Description: "starttls (never without), implicit (from the first byte), or none",
				Into: func(t *target) options.Value { return options.OneOf(&t.security, startTLS, implicit, noTLS) },
			},
			{
				Name: "username", Description: "to log in with; only with TLS",
				Into: text(func(t *target) *string { return &t.username }, options.Plain),
			},
			{
				Name: "password", Description: "of username", Secret: true,
				Into: text(func(t *target) *string { return &t.password }, options.Plain),
			},
			{
				Name: "from", Description: "whom mails are from: an address, with a name or without",
				Missing: "give the address that mails are from, as bellbuoy@example.com",
				Into:    text(func(t *target) *string { return &t.fromText }, isAddress),
			},
			{
				Name: "to", Description: fmt.Sprintf("whom mails are for: 1 to %d addresses, which all of them see", maxRecipients),
				Missing: "give the addresses that mails are for, as [ops@example.com]",
				Into:    func(t *target) options.Value { return options.Texts(&t.toTexts, 1, isAddress) },
			},
			{
				Name: "ca", Description: "certificates (PEM) of who may vouch for the server; left out: the system's",
				Into: text(func(t *target) *string { return &t.ca }),
			},
			{
				Name: "server_name", Description: "the name in the server's certificate, where it is not host",
				Into: text(func(t *target) *string { return &t.serverName }, isHost),
			},
			{
				Name: "cert", Description: "certificate (PEM) to show to the server",
				Into: text(func(t *target) *string { return &t.cert }),
			},
			{
				Name: "key", Description: "of cert (PEM)", Secret: true,
				Into: text(func(t *target) *string { return &t.key }),
			},
			{
				Name: "hello", Description: "the name to greet the server with; left out: this machine's, or its address",
				Into: text(func(t *target) *string { return &t.hello }, isHello),
			},
		},
		Check: (*target).finish,
	}
}

// isHost is an [options.Rule] for a server's name or address.
func isHost(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		if egress.Denied(a) {
			return "is link-local or a cloud's metadata service and never a target; name another host"
		}
		return ""
	}
	if _, err := idna.Lookup.ToASCII(s); err != nil || strings.ContainsAny(s, ":/@ ") {
		return "is no host name or address; write it as smtp.example.com, without scheme and port"
	}
	return ""
}

// isHello is an [options.Rule] for what stands behind EHLO.
func isHello(s string) string {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if a, ok := strings.CutSuffix(strings.TrimPrefix(inner, "IPv6:"), "]"); ok && net.ParseIP(a) != nil {
			return ""
		}
	} else if name, err := idna.Lookup.ToASCII(s); err == nil && name == s {
		return ""
	}
	return "is neither a host name nor an address in brackets; write it as bellbuoy.example.com or [192.0.2.1]"
}

// finish derives from the options what is needed with each mail.
func (t *target) finish() (faults []plugin.Fault) {
	fault := func(path, message string) { faults = append(faults, plugin.Fault{Path: path, Message: message}) }
	if (t.username == "") != (t.password == "") {
		fault("username", "goes with a password and a password with a username; give both or none")
	}
	if t.security == noTLS {
		if t.username != "" {
			fault("username", "is never sent without TLS; choose tls: starttls or implicit, or leave username and password out")
		}
		for path, value := range map[string]string{"ca": t.ca, "server_name": t.serverName, "cert": t.cert, "key": t.key} {
			if value != "" {
				fault(path, "has no use with tls: none; remove it, or choose tls: starttls or implicit")
			}
		}
	}
	if t.port == 0 {
		t.port = map[string]int{startTLS: 587, implicit: 465, noTLS: 25}[t.security]
	}
	t.from, _ = readAddress(t.fromText) // isAddress has let it through
	seen := map[string]bool{}
	for i, text := range t.toTexts {
		a, _ := readAddress(text)
		if seen[strings.ToLower(a.mailbox)] {
			fault("to."+strconv.Itoa(i), "is there twice; remove one")
		}
		seen[strings.ToLower(a.mailbox)] = true
		t.to = append(t.to, a)
	}
	if len(t.to) > maxRecipients {
		fault("to", fmt.Sprintf("has %d addresses, at most %d are taken; make a second target, or use the address of a mailing list", len(t.to), maxRecipients))
	}
	t.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.host}
	if t.serverName != "" {
		t.tls.ServerName = t.serverName
	}
	if t.ca != "" {
		t.tls.RootCAs = x509.NewCertPool()
		if !t.tls.RootCAs.AppendCertsFromPEM([]byte(t.ca)) {
			fault("ca", "holds no certificate; give it as PEM, from -----BEGIN CERTIFICATE----- on, or as {file: PATH}")
		}
	}
	if t.cert != "" || t.key != "" {
		pair, err := tls.X509KeyPair([]byte(t.cert), []byte(t.key))
		if err != nil { // which may show the key
			fault("cert", "and key do not make a pair; give both as PEM, or each as {file: PATH}")
		}
		t.tls.Certificates = []tls.Certificate{pair}
	}
	encode := base64.StdEncoding.EncodeToString
	t.mask = post.NewMask(t.password, encode([]byte(t.password)), encode([]byte("\x00"+t.username+"\x00"+t.password)))
	return faults
}

// outOfBounds finds fault with a host that is an address at which e lets nobody send. What
// a name stands for is seen when it is dialled.
func (t *target) outOfBounds(e plugin.Egress) []plugin.Fault {
	if a, ok := egress.Literal(t.host); ok {
		if why := (egress.Guard{Egress: e}).Refuses(a); why != "" {
			return []plugin.Fault{{Path: "host", Message: "names " + a.String() + ", " + why + "; name another host"}}
		}
	}
	return nil
}

// server is where mails go, as it may be shown.
func (t *target) server() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

// url is the server for people.
func (t *target) url() string {
	if t.security == implicit {
		return "smtps://" + t.server()
	}
	return "smtp://" + t.server()
}
