package email

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// script is a server that answers each verb as it says, and else as a kind one does. The
// greeting's verb is "", that of the end of the message ".". The answers beginning with a
// ! are deeds: "!close", "!reset", "!hang", "!flood TEXT".
type script map[string]string

// play serves one connection and returns what the client said, message and all.
func (s script) play(c net.Conn) string {
	var said strings.Builder
	in := bufio.NewReader(io.TeeReader(c, &said))
	answer := func(verb string) bool {
		reply, ok := s[verb]
		if !ok {
			reply = map[string]string{"": "220 relay.test", "EHLO": "250-relay.test\r\n250 HELP", "DATA": "354 go on", "QUIT": "221 bye"}[verb]
			if verb == "HELO" && strings.HasPrefix(s["EHLO"], "421") {
				reply = "!close" // as it has announced
			}
			if reply == "" {
				reply = "250 2.0.0 fine"
			}
		}
		deed, rest, _ := strings.Cut(reply, " ")
		switch deed {
		case "!close":
			return false
		case "!reset":
			_ = c.(*net.TCPConn).SetLinger(0)
			return false
		case "!hang":
			_, _ = io.Copy(io.Discard, in)
			return false
		case "!flood":
			for {
				if _, err := io.WriteString(c, strings.Repeat(rest, 100)); err != nil {
					return false
				}
			}
		}
		_, err := io.WriteString(c, reply+"\r\n")
		return err == nil
	}
	for verb := ""; answer(verb); {
		if verb == "QUIT" {
			break
		}
		if verb == "DATA" && (s["DATA"] == "" || strings.HasPrefix(s["DATA"], "354")) {
			for {
				if s["within"] != "" {
					s[""] = s["within"]
					answer("")
					return said.String()
				}
				line, err := in.ReadString('\n')
				if err != nil {
					return said.String()
				}
				if line == ".\r\n" {
					break
				}
			}
			verb = "."
			continue
		}
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		verb, _, _ = strings.Cut(strings.TrimSpace(line), " ")
		if to, ok := strings.CutPrefix(strings.TrimSpace(line), "RCPT TO:"); ok && s[to] != "" {
			verb = to
		}
	}
	return said.String()
}

// serve plays the scripts, one a connection, the last for all that follow. said has what
// each client said.
func serve(t testing.TB, scripts ...script) (host string, port int, said <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			text := scripts[min(i, len(scripts)-1)].play(c)
			_ = c.Close()
			out <- text
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "127.0.0.1", l.Addr().(*net.TCPAddr).Port, out
}

func plainTo(host string, port int, to ...string) map[string]any {
	if len(to) == 0 {
		to = []string{"ops@example.com"}
	}
	return map[string]any{"host": host, "port": port, "tls": "none", "from": "bell@example.com", "to": to}
}

// What each answer at each step means.
func TestEveryAnswer(t *testing.T) {
	const misconfigured = plugin.ScopeMisconfigured
	for _, c := range []struct {
		step, answer string
		want         plugin.Outcome
		scope        plugin.Scope
	}{
		{"", "421 4.3.2 shutting down", plugin.Retry, ""},
		{"", "450 later", plugin.Retry, ""},
		{"", "451 4.7.1 too many connections", plugin.Retry, ""},
		{"", "554 5.7.1 no mail from you", plugin.PermanentFail, misconfigured},
		{"", "250 what", plugin.Retry, ""},
		{"", "SSH-2.0-OpenSSH_9.2", plugin.Retry, ""}, // to SMTP that is a first line of several
		{"", "HTTP/1.1 400 Bad Request", plugin.Retry, ""},
		{"EHLO", "502 5.5.1 unknown", plugin.Delivered, ""}, // by HELO
		{"EHLO", "421 4.7.0 try again later", plugin.Retry, ""},

		{"MAIL", "421 4.7.0 try again later", plugin.Retry, ""},
		{"MAIL", "450 4.1.8 sender's domain not found", plugin.Retry, ""},
		{"MAIL", "451 4.3.0 local error", plugin.Retry, ""},
		{"MAIL", "452 4.3.1 no space", plugin.Retry, ""},
		{"MAIL", "455 what", plugin.Retry, ""},
		{"MAIL", "530 5.7.0 must issue STARTTLS first", plugin.PermanentFail, misconfigured},
		{"MAIL", "550 5.7.1 not your address", plugin.PermanentFail, misconfigured},
		{"MAIL", "552 5.3.4 too large", plugin.PermanentFail, ""},
		{"MAIL", "553 5.1.8 no such sender", plugin.PermanentFail, misconfigured},
		{"MAIL", "354 what", plugin.Retry, ""},

		{"RCPT", "251 2.1.5 will forward", plugin.Delivered, ""},
		{"RCPT", "421 4.7.0 try again later", plugin.Retry, ""},
		{"RCPT", "450 4.2.0 greylisted, try again in 300 seconds", plugin.Retry, ""},
		{"RCPT", "451 4.7.1 greylisting in action", plugin.Retry, ""},
		{"RCPT", "452 4.2.2 mailbox full", plugin.Retry, ""},
		{"RCPT", "550 5.1.1 no such user", plugin.PermanentFail, misconfigured},
		{"RCPT", "551 5.1.6 moved", plugin.PermanentFail, misconfigured},
		{"RCPT", "552 5.5.3 too many recipients", plugin.Retry, ""}, // as old servers say 452
		{"RCPT", "553 5.1.3 bad name", plugin.PermanentFail, misconfigured},
		{"RCPT", "554 5.7.1 relay access denied", plugin.PermanentFail, misconfigured},

		{"DATA", "250 what", plugin.Retry, ""},
		{"DATA", "421 4.3.2 shutting down", plugin.Retry, ""},
		{"DATA", "450 later", plugin.Retry, ""},
		{"DATA", "451 4.3.0 local error", plugin.Retry, ""},
		{"DATA", "452 4.3.1 no space", plugin.Retry, ""},
		{"DATA", "554 5.5.1 no valid recipients", plugin.PermanentFail, ""},

		{".", "250 2.0.0 queued as 1234", plugin.Delivered, ""},
		{".", "250-2.0.0 queued\r\n250 as 1234", plugin.Delivered, ""},
		{".", "251 fine too", plugin.Delivered, ""},
		{".", "421 4.3.2 shutting down", plugin.Retry, ""},
		{".", "450 4.7.1 later", plugin.Retry, ""},
		{".", "451 4.3.0 queue error", plugin.Retry, ""},
		{".", "452 4.3.1 no space", plugin.Retry, ""},
		{".", "550 5.7.1 looks like spam", plugin.PermanentFail, ""},
		{".", "552 5.3.4 too large", plugin.PermanentFail, ""},
		{".", "554 5.6.0 not to my taste", plugin.PermanentFail, ""},
		{".", "354 what", plugin.Retry, ""},

		{"QUIT", "500 what", plugin.Delivered, ""},
		{"QUIT", "!close", plugin.Delivered, ""},
		{"QUIT", "!reset", plugin.Delivered, ""},
		{"QUIT", "!hang", plugin.Delivered, ""},
	} {
		t.Run(strings.TrimSpace(c.step+" "+c.answer), func(t *testing.T) {
			host, port, _ := serve(t, script{c.step: c.answer})
			within := 20 * time.Second
			if strings.HasPrefix(c.answer, "SSH") {
				within = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			receipt, err := New("1").Send(ctx, push(t, plainTo(host, port)))
			v := plugin.ReadVerdict(err)
			if v.Outcome != c.want || receipt.Scope != c.scope {
				t.Fatalf("%+v, scope %q: %v", v, receipt.Scope, err)
			}
			if want := c.step == "RCPT" && c.want == plugin.Retry && !strings.HasPrefix(c.answer, "421"); (v.After == patience) != want {
				t.Errorf("after %s", v.After)
			}
			code := c.answer[:3]
			if c.want == plugin.Delivered {
				code = "25"
			}
			if !strings.HasPrefix(code, "!") && strings.Trim(c.answer[:3], "0123456789") == "" && !strings.HasPrefix(fmt.Sprint(receipt.Status), code) {
				t.Errorf("status %d", receipt.Status)
			}
			if err != nil && receipt.Status != 0 && (!strings.Contains(err.Error(), c.answer) || !strings.Contains(receipt.Reply, c.answer)) {
				t.Errorf("error %q, reply %q", err, receipt.Reply)
			}
			if (len(receipt.Resume) > 0) != (c.want == plugin.Delivered || c.want == plugin.PermanentFail && (c.step == "RCPT" || c.step == "." || c.step == "DATA")) {
				t.Errorf("resume %s", receipt.Resume)
			}
		})
	}
}

// A connection that breaks says nothing of the mail, but after the dot it may be there.
func TestLostConnections(t *testing.T) {
	for _, deed := range []string{"!close", "!reset", "!hang"} {
		for _, step := range []string{"", "EHLO", "MAIL", "RCPT", "DATA", "within", "."} {
			t.Run(deed+" "+step, func(t *testing.T) {
				host, port, said := serve(t, script{step: deed}, script{})
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				if deed == "!hang" {
					cancel()
					ctx, cancel = context.WithTimeout(t.Context(), 700*time.Millisecond)
				}
				defer cancel()
				s, d := New("1"), push(t, plainTo(host, port))
				receipt, err := s.Send(ctx, d)
				if v := plugin.ReadVerdict(err); v != (plugin.Verdict{Outcome: plugin.Retry}) || receipt.Scope != "" || receipt.Resume != nil {
					t.Fatalf("%+v, scope %q, resume %s: %v", v, receipt.Scope, receipt.Resume, err)
				}
				if unknown := strings.Contains(err.Error(), "it may have arrived: it is sent again with the same Message-ID"); unknown != (step == ".") && step != "within" { // where all may be on its way already
					t.Errorf("error %v", err)
				}
				if deed == "!hang" && !strings.Contains(err.Error(), "no answer in time") {
					t.Errorf("error %v", err)
				}
				d.Attempt, d.Resume = 2, receipt.Resume
				if _, err := s.Send(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				first, second := <-said, <-said
				if step == "." {
					if a, b := line(first, "Message-ID: "), line(second, "Message-ID: "); a == "" || a != b {
						t.Errorf("%q, then %q", a, b)
					}
				}
			})
		}
	}
}

// line is the line of text that begins so.
func line(text, start string) string {
	for l := range strings.SplitSeq(text, "\r\n") {
		if strings.HasPrefix(l, start) {
			return l
		}
	}
	return ""
}

// A server that does not stop talking is left.
func TestFloods(t *testing.T) {
	for _, step := range []string{"", "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"} {
		for _, flood := range []string{"250-more\r\n", "220-more\r\n", "x", "354-go\r\n"} {
			host, port, _ := serve(t, script{step: "!flood " + flood})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			receipt, err := New("1").Send(ctx, push(t, plainTo(host, port)))
			want := plugin.Retry
			if step == "QUIT" {
				want = plugin.Delivered
			}
			if v := plugin.ReadVerdict(err); v.Outcome != want || ctx.Err() != nil || len(receipt.Reply) > plugin.MaxReply || err != nil && len(err.Error()) > 2*plugin.MaxReply {
				t.Errorf("%s %q: %+v, %v, reply of %d bytes", step, flood, v, err, len(receipt.Reply))
			}
			cancel()
		}
	}
	long := strings.Repeat("y", 3000) + "\x1b[31m\x00"
	for _, answer := range []string{"550 " + long, "550-" + long + "\r\n550 " + long} {
		host, port, _ := serve(t, script{"RCPT": answer})
		receipt, err := New("1").Send(t.Context(), push(t, plainTo(host, port)))
		if plugin.ReadVerdict(err).Outcome != plugin.PermanentFail || len(receipt.Reply) > plugin.MaxReply || len(err.Error()) > plugin.MaxReply || strings.ContainsAny(receipt.Reply+err.Error(), "\x1b\x00\r\n") {
			t.Errorf("%d bytes: %.80q; reply %.80q", len(err.Error()), err, receipt.Reply)
		}
	}
}

func TestConnectionsThatAreNotMade(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	for _, c := range []struct {
		host  string
		scope plugin.Scope
		err   string
	}{
		{"127.0.0.1", "", "connection refused"},
		{"no..such..host", plugin.ScopeMisconfigured, "there is no such host"},
	} {
		receipt, err := New("1").Send(t.Context(), push(t, plainTo(c.host, port)))
		if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || receipt.Scope != c.scope || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %+v, scope %q: %v", c.host, v, receipt.Scope, err)
		}
	}
}

// A name may lead anywhere; what it leads to is looked at when the connection is made.
func TestNoAddressThatIsNeverATarget(t *testing.T) {
	for _, host := range []string{"169.254.169.254", "100.100.100.200", "::ffff:169.254.169.254", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"} {
		target := &target{host: host, port: 25, security: noTLS}
		all := target.attempt(t.Context(), plugin.Egress{}, progress{}, nil)
		if all.stopped != nil {
			t.Fatalf("%s: it wants recipients first", host)
		}
		target.to = []address{{mailbox: "a@example.com"}}
		all = target.attempt(t.Context(), plugin.Egress{}, progress{}, nil)
		scope, err := target.verdict(t.Context(), all, progress{})
		if plugin.ReadVerdict(err).Outcome != plugin.Retry || scope != plugin.ScopeMisconfigured || !strings.Contains(err.Error(), "egress denied") {
			t.Errorf("%s: scope %q, %v", host, scope, err)
		}
	}
}
