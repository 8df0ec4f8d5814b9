package config

import (
	"encoding/json"
	"net/url"
	"strings"
)

// Mail is the mail server of targets that people make through the API and that name none.
type Mail struct {
	// Host is the mail server to hand mails to.
	Host string `yaml:"host" json:"host" jsonschema:"example=smtp.example.com"`
	// Port is the mail server's; left out, 587, with tls: implicit 465, with tls: none 25.
	Port int `yaml:"port" json:"port,omitempty" jsonschema:"example=587"`
	// TLS is starttls (never without), implicit (from the first byte), or none.
	TLS string `yaml:"tls" json:"tls,omitempty" jsonschema:"example=starttls"`
	// Username is what to log in with; only with TLS.
	Username string `yaml:"username" json:"username,omitempty" jsonschema:"example=bellbuoy"`
	// Password is the username's.
	Password *Secret `yaml:"password" json:"-" jsonschema:"example={file: /run/secrets/smtp}"`
	// From is whom mails are from: an address, with a name or without.
	From string `yaml:"from" json:"from" jsonschema:"example=bellbuoy@example.com"`
	// Links is where people open the links by which addresses are verified that were given
	// through the API: http:// or https://, a host, perhaps a port and a path. Left out, it is
	// the first of admin.hosts, or where admin listens.
	Links string `yaml:"links" json:"-" jsonschema:"example=https://bellbuoy.example.com"`
}

// Fill returns options, those of a target of type email, with what m says of the mail
// server; false, and options themselves, where they say something of it. Where they did in
// part, the password could be had sent to another server.
func (m *Mail) Fill(options json.RawMessage) (json.RawMessage, bool) {
	var given map[string]json.RawMessage
	if m == nil || m.Host == "" || json.Unmarshal(options, &given) != nil {
		return options, false
	}
	for key := range given {
		if key != "to" {
			return options, false
		}
	}
	filled := struct {
		*Mail
		Password string          `json:"password,omitempty"`
		To       json.RawMessage `json:"to,omitempty"`
	}{Mail: m, To: given["to"]}
	if m.Password != nil {
		filled.Password = m.Password.Reveal()
	}
	b, err := json.Marshal(filled)
	if err != nil {
		return options, false
	}
	return b, true
}

// mail finds what is wrong with where mails go. The rest is the sender's to check.
func (k *checker) mail() {
	m := k.Mail
	if m == nil {
		return
	}
	if (m.Host == "") != (m.From == "") {
		k.fault("mail", "names one of host and from, and to send mails both are needed: add the other, such as smtp.example.com or bellbuoy@example.com")
	}
	if m.Port < 0 || m.Port > 65535 {
		k.fault("mail.port", "%d is no port: write 1 to 65535, or leave it out", m.Port)
	}
	if u, err := url.Parse(m.Links); m.Links != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		k.fault("mail.links", "%q is no address that a browser opens: write it like https://bellbuoy.example.com", m.Links)
	}
}

// LinksAt is what the links in mails begin with, without a slash at its end.
func (c *Config) LinksAt() string {
	if c.Mail != nil && c.Mail.Links != "" {
		return strings.TrimRight(c.Mail.Links, "/")
	}
	return c.Admin.address().String()
}
