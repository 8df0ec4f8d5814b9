package config

import (
	"encoding/json"
	"strings"
	"testing"
)

// What a target says of its own of the server keeps the password of ours from it.
func TestMailFillsWhatNamesNoServer(t *testing.T) {
	password := NewSecret("s3cret")
	m := &Mail{Host: "smtp.example.com", Port: 587, TLS: "starttls", Username: "bellbuoy", Password: &password, From: "bellbuoy@example.com", Links: "https://x"}
	for options, want := range map[string]string{
		`{"to":["a@example.com"]}`:                           `{"host":"smtp.example.com","port":587,"tls":"starttls","username":"bellbuoy","from":"bellbuoy@example.com","password":"s3cret","to":["a@example.com"]}`,
		`{}`:                                                 `{"host":"smtp.example.com","port":587,"tls":"starttls","username":"bellbuoy","from":"bellbuoy@example.com","password":"s3cret"}`,
		`{"to":["a@example.com"],"port":25}`:                 "",
		`{"to":["a@example.com"],"tls":"none"}`:              "",
		`{"to":["a@example.com"],"ca":"PEM"}`:                "",
		`{"to":["a@example.com"],"host":"evil.example.com"}`: "",
		`[]`: "",
	} {
		got, filled := m.Fill(json.RawMessage(options))
		if filled != (want != "") || !filled && string(got) != options || filled && string(got) != want {
			t.Errorf("%s: %t %s, want %s", options, filled, got, want)
		}
	}
	for _, none := range []*Mail{nil, {Links: "https://x"}} {
		if got, filled := none.Fill(json.RawMessage(`{}`)); filled || string(got) != `{}` {
			t.Errorf("%+v fills %s", none, got)
		}
	}
	b, err := json.Marshal(m)
	if err != nil || strings.Contains(string(b), "s3cret") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestMailFaults(t *testing.T) {
	for _, c := range []struct {
		mail Mail
		want string
	}{
		{Mail{Host: "smtp.example.com", From: "a@example.com", Links: "https://bb.example.com/bell/"}, ""},
		{Mail{Links: "http://127.0.0.1:5081"}, ""},
		{Mail{Host: "smtp.example.com"}, "mail: names one of host and from"},
		{Mail{From: "a@example.com"}, "mail: names one of host and from"},
		{Mail{Port: 70000}, "mail.port: 70000 is no port"},
		{Mail{Links: "bb.example.com"}, `mail.links: "bb.example.com" is no address that a browser opens`},
		{Mail{Links: "https://u:p@bb.example.com"}, "mail.links: "},
		{Mail{Links: "https://bb.example.com/?x=y"}, "mail.links: "},
	} {
		k := checker{Config: &Config{Mail: &c.mail}}
		k.mail()
		got := ""
		for _, f := range k.faults {
			got += f.String() + "\n"
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.mail, got, c.want)
		}
	}
	for want, c := range map[string]Config{
		"http://127.0.0.1:5081":       {Admin: Admin{Listen: "127.0.0.1:5081"}},
		"http://bb.example.com:5081":  {Admin: Admin{Listen: "0.0.0.0:5081", Hosts: []string{"bb.example.com", "other"}}},
		"https://bb.example.com":      {Admin: Admin{Listen: ":443", Hosts: []string{"bb.example.com"}, TLS: &TLS{}}},
		"https://127.0.0.1:5081":      {Admin: Admin{Listen: "127.0.0.1:5081", TLS: &TLS{}}},
		"https://bb.example.com/bell": {Admin: Admin{Listen: "127.0.0.1:5081"}, Mail: &Mail{Links: "https://bb.example.com/bell/"}},
	} {
		if got := c.LinksAt(); got != want {
			t.Errorf("links begin with %s, want %s", got, want)
		}
	}
}
