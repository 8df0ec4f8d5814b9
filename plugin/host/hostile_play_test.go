//go:build linux

package host

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
	"github.com/bellbuoy/bellbuoy/plugin/serve"
)

// playHostile is the main of the senders that are up to no good.
func playHostile(mode string) {
	raw := func(s wire.SenderServer) {
		serveRaw(map[int]goplugin.PluginSet{1: {wire.Name: rawPlugin{server: s}}}, nil)
	}
	switch name, text, _ := strings.Cut(mode, ":"); name {
	case "says":
		line, err := strconv.Unquote(text)
		if err != nil {
			panic(err)
		}
		fmt.Print(line)
		time.Sleep(time.Hour)
	case "dies in every call":
		serve.Main(map[string]plugin.Sender{"test": suicidal{}})
	case "leaves the group":
		serve.Main(map[string]plugin.Sender{"test": deserter{}})
	case "makes up acks":
		raw(&ackers{made: true})
	case "acks late":
		raw(&ackers{late: 300 * time.Millisecond})
	case "ends the stream":
		raw(ender{})
	case "never reads":
		raw(unread{})
	case "floods with answers":
		raw(flooder{})
	case "huge description":
		raw(boaster{})
	case "talks junk":
		l := listen()
		fmt.Printf("1|1|unix|%s|grpc|%s\n", l.Addr(), announced())
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				for {
					if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n\x00\xffjunk")); err != nil {
						return
					}
				}
			}()
		}
	case "without TLS":
		serveAlone("", nil)
	case "another certificate":
		_, cert := selfSigned()
		serveAlone(announced(), &cert)
	default:
		panic("no such mode: " + mode)
	}
}

func listen() net.Listener {
	l, err := net.Listen("unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s"))
	if err != nil {
		panic(err)
	}
	return l
}

// serveAlone is a server without go-plugin, which announces one certificate and has
// another, or none.
func serveAlone(says string, cert *tls.Certificate) {
	l := listen()
	var opts []grpc.ServerOption
	if cert != nil {
		opts = append(opts, grpc.Creds(credentials.NewServerTLSFromCert(cert)))
	}
	s := grpc.NewServer(opts...)
	wire.RegisterSenderServer(s, wire.NewService(map[string]plugin.Sender{"test": eavesdropper{}}, os.Stderr))
	fmt.Printf("1|1|unix|%s|grpc|%s\n", l.Addr(), says)
	_ = s.Serve(l)
}

// announced is a certificate as a handshake has it, whose key nobody has.
func announced() string {
	der, _ := selfSigned()
	return base64.RawStdEncoding.EncodeToString(der)
}

func selfSigned() ([]byte, tls.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return der, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// eavesdropper says when it was told something.
type eavesdropper struct{ actor }

func (eavesdropper) Describe(context.Context) (plugin.Description, error) {
	fmt.Fprintln(os.Stderr, "I was called")
	return plugin.Description{Type: "test"}, nil
}

// suicidal ends its process in one way or another.
type suicidal struct{}

func (suicidal) Describe(context.Context) (plugin.Description, error) {
	return plugin.Description{Type: "test"}, nil
}

func (suicidal) Check(context.Context, plugin.Check) ([]plugin.Fault, error) {
	os.Exit(0)
	return nil, nil
}

func (suicidal) Render(context.Context, plugin.Delivery) (plugin.Request, error) {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (suicidal) Send(context.Context, plugin.Delivery) (plugin.Receipt, error) {
	var p *int
	go func() { fmt.Println(*p) }() // a panic that no call recovers
	select {}
}

// deserter leaves a child in a session of its own, which holds on to the pipes, and dies.
type deserter struct{ actor }

func (deserter) Describe(context.Context) (plugin.Description, error) {
	return plugin.Description{Type: "test"}, nil
}

func (deserter) Send(_ context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	var o act
	if err := json.Unmarshal(d.Options, &o); err != nil || o.Do != "leave" {
		return plugin.Receipt{Reply: fmt.Sprint(os.Getpid())}, err
	}
	child := exec.Command("sleep", "1000")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		return plugin.Receipt{}, err
	}
	fmt.Fprintln(os.Stderr, "child", child.Process.Pid)
	time.Sleep(50 * time.Millisecond)
	os.Exit(7)
	return plugin.Receipt{}, nil
}

// ackers acks what it was not asked, twice, or late.
type ackers struct {
	described
	made bool
	late time.Duration
}

func (a *ackers) Send(stream grpc.BidiStreamingServer[wire.Deliveries, wire.Acks]) error {
	acks := make(chan *wire.Acks, 1000)
	go func() {
		for m := range acks {
			time.Sleep(a.late)
			_ = stream.Send(m)
		}
	}()
	for {
		batch, err := stream.Recv()
		if err != nil {
			return err
		}
		for _, d := range batch.GetDeliveries() {
			right := &wire.Ack{Number: d.GetNumber(), Outcome: wire.Outcome_OUTCOME_DELIVERED, Receipt: &wire.Receipt{Reply: d.GetId()}}
			m := &wire.Acks{Acks: []*wire.Ack{right}}
			if a.made {
				m.Acks = []*wire.Ack{
					{}, {Number: 1 << 60, Outcome: wire.Outcome_OUTCOME_PERMANENT, Error: "made up"},
					{Number: d.GetNumber() + 10_000, Outcome: wire.Outcome_OUTCOME_PERMANENT, Error: "of one to come"},
					right,
					{Number: d.GetNumber(), Outcome: wire.Outcome_OUTCOME_PERMANENT, Error: "the same again"},
				}
			}
			acks <- m
		}
	}
}

// ender ends the stream that is to last for life.
type ender struct{ described }

func (ender) Send(stream grpc.BidiStreamingServer[wire.Deliveries, wire.Acks]) error {
	_, err := stream.Recv()
	return err
}

// unread takes nothing from the stream.
type unread struct{ described }

func (unread) Send(stream grpc.BidiStreamingServer[wire.Deliveries, wire.Acks]) error {
	<-stream.Context().Done()
	return nil
}

// flooder answers without being asked, as fast as it can.
type flooder struct{ described }

func (flooder) Send(stream grpc.BidiStreamingServer[wire.Deliveries, wire.Acks]) error {
	go func() {
		m := &wire.Acks{}
		for n := range 1000 {
			m.Acks = append(m.Acks, &wire.Ack{Number: uint64(n) << 40, Error: "unasked"})
		}
		for stream.Send(m) == nil {
		}
	}()
	<-stream.Context().Done()
	return nil
}

// boaster has more to say of itself than anybody can keep, and finds more faults.
type boaster struct{ described }

func (boaster) Describe(context.Context, *wire.DescribeRequest) (*wire.Description, error) {
	return &wire.Description{Type: "test", Options: []byte(`"` + strings.Repeat("x", 64<<20) + `"`)}, nil
}
