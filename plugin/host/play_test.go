//go:build linux

package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
	"github.com/bellbuoy/bellbuoy/plugin/serve"
)

// playSender is the main of the senders that the tests start. All but the first
// break a rule of their own.
func playSender(mode string) {
	senders := map[string]plugin.Sender{"test": actor{typ: "test"}, "second": actor{typ: "second"}}
	service := wire.NewService(senders, os.Stderr)
	switch mode {
	case "good":
		serve.Main(senders)
	case "idle":
		serve.Main(map[string]plugin.Sender{"test": idle{}})
	case "without death signal": // only the life pipe is left
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0); err != nil {
			panic(err)
		}
		serve.Main(senders)
	case "without life pipe": // only the death signal is left
		serveRaw(wire.Plugins(service), nil)
	case "umask 0":
		syscall.Umask(0)
		serveRaw(wire.Plugins(service), nil)
	case "prints first":
		fmt.Println("hello \x1b[31mfrom init()")
		serve.Main(senders)
	case "never prints":
		time.Sleep(time.Hour)
	case "never answers":
		l, err := net.Listen("unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s"))
		if err != nil {
			panic(err)
		}
		fmt.Printf("1|1|unix|%s|grpc|\n", l.Addr())
		time.Sleep(time.Hour)
	case "dies at once":
		fmt.Fprintln(os.Stderr, "no licence")
		os.Exit(3)
	case "another type":
		serve.Main(map[string]plugin.Sender{"test": actor{typ: "else"}})
	case "not serving":
		serveRaw(wire.Plugins(service), notServing{})
	case "huge answers":
		serveRaw(map[int]goplugin.PluginSet{1: {wire.Name: rawPlugin{server: huge{}}}}, nil)
	case "long strings":
		serveRaw(map[int]goplugin.PluginSet{1: {wire.Name: rawPlugin{server: long{}}}}, nil)
	case "version 2":
		serveRaw(map[int]goplugin.PluginSet{2: {wire.Name: rawPlugin{server: service}}}, nil)
	case "versions 1 and 2":
		two := wire.NewService(map[string]plugin.Sender{"test": actor{typ: "test", version: "two"}}, os.Stderr)
		serveRaw(map[int]goplugin.PluginSet{
			1: {wire.Name: rawPlugin{server: service}},
			2: {wire.Name: rawPlugin{server: two}},
		}, nil)
	default:
		playHostile(mode)
	}
}

// serveRaw serves with go-plugin alone, as an author who does not use package serve.
func serveRaw(sets map[int]goplugin.PluginSet, health grpc_health_v1.HealthServer) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: sets,
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			if health != nil {
				opts = append(opts, grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
					if info.FullMethod == grpc_health_v1.Health_Check_FullMethodName {
						return health.Check(ctx, req.(*grpc_health_v1.HealthCheckRequest))
					}
					return handle(ctx, req)
				}))
			}
			return grpc.NewServer(opts...)
		},
	})
}

type notServing struct {
	grpc_health_v1.UnimplementedHealthServer
}

func (notServing) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}, nil
}

// rawPlugin serves any implementation of the protocol.
type rawPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	server wire.SenderServer
}

func (p rawPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	wire.RegisterSenderServer(s, p.server)
	return nil
}

func (p rawPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// described answers Describe and nothing else.
type described struct {
	wire.UnimplementedSenderServer
}

func (described) Describe(context.Context, *wire.DescribeRequest) (*wire.Description, error) {
	return &wire.Description{Type: "test"}, nil
}

// huge acks with 8 MiB, which gRPC would take.
type huge struct{ described }

func (huge) Send(stream grpc.BidiStreamingServer[wire.Deliveries, wire.Acks]) error {
	return answer(stream, strings.Repeat("x", 8<<20))
}

// long acks with strings that are within the limit of a message but beyond their own.
type long struct{ described }

func (long) Send(stream grpc.BidiStreamingServer[wire.Deliveries, wire.Acks]) error {
	return answer(stream, strings.Repeat("x", 20<<10))
}

func answer(stream grpc.BidiStreamingServer[wire.Deliveries, wire.Acks], reply string) error {
	for {
		batch, err := stream.Recv()
		if err != nil {
			return err
		}
		for _, d := range batch.GetDeliveries() {
			err := stream.Send(&wire.Acks{Acks: []*wire.Ack{{
				Number:  d.GetNumber(),
				Outcome: wire.Outcome_OUTCOME_DELIVERED,
				Receipt: &wire.Receipt{Reply: reply, Resume: []byte(reply[:20<<10]), Scope: "made up", Status: -7},
			}}})
			if err != nil {
				return err
			}
		}
	}
}

// actor is a sender that does what a delivery's options say.
type actor struct {
	typ     string
	version string
}

// act is the options of an actor's target.
type act struct {
	Do  string        `json:"do"`
	For time.Duration `json:"for"`
	N   int           `json:"n"`
}

func (a actor) Describe(context.Context) (plugin.Description, error) {
	return plugin.Description{
		Type: a.typ, Version: a.version, Options: json.RawMessage(`{"type":"object"}`),
		Secrets: []string{"headers.*"}, Defaults: plugin.Defaults{Order: "none", Concurrency: 4,
			Rate: plugin.Rate{Sends: 18, Per: time.Minute}, DigestAfter: 10},
	}, nil
}

func (a actor) Check(_ context.Context, c plugin.Check) ([]plugin.Fault, error) {
	switch string(c.Options) {
	case `{}`:
		return nil, nil
	case "":
		return []plugin.Fault{
			{Part: plugin.PartTemplate, Path: c.Template, Message: fmt.Sprintf("%q", c.Samples)},
			{Part: plugin.PartTitle, Message: c.Title},
		}, nil
	case `"panic"`:
		panic("check")
	}
	return []plugin.Fault{{Path: "a", Message: "is wrong"}, {Path: "b.c", Message: "is wrong too"}}, nil
}

func (a actor) Render(_ context.Context, d plugin.Delivery) (plugin.Request, error) {
	message, _ := d.Message()
	return plugin.Request{Method: "POST", URL: "test://" + d.Target, Headers: map[string]string{"a": "b"}, Body: string(message)}, nil
}

func (a actor) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	var o act
	if err := json.Unmarshal(d.Options, &o); err != nil {
		return plugin.Receipt{}, plugin.Permanent(err)
	}
	receipt := plugin.Receipt{Reply: fmt.Sprint(os.Getpid())}
	switch o.Do {
	case "ok":
	case "everything":
		message, contentType := d.Message()
		deadline, _ := ctx.Deadline()
		receipt = plugin.Receipt{
			Request: plugin.Request{Method: "PUT", URL: "test://" + d.ID + "/" + d.Target + "/" + d.Type, Headers: map[string]string{"n": fmt.Sprint(d.Attempt)}, Body: "not " + string(message)},
			Status:  418, Latency: 3 * time.Second, Scope: plugin.ScopeTargetGone, Reply: contentType + " " + d.Template + " " + d.Title + " " + string(d.Event),
			Resume: append(d.Resume, 0, 255),
		}
		if time.Until(deadline) <= 0 {
			return receipt, errors.New("no deadline came through")
		}
	case "environ":
		receipt.Reply = strings.Join(os.Environ(), "\n")
	case "dumpable":
		v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err != nil {
			return receipt, err
		}
		receipt.Reply = fmt.Sprint(v)
	case "grow":
		b := make([]byte, o.N)
		for i := range b {
			b[i] = byte(i)
		}
		time.Sleep(o.For)
		runtime.KeepAlive(b)
	case "permanent":
		return receipt, fmt.Errorf("wrapped: %w", plugin.Permanent(errors.New("bad")))
	case "retry after":
		return receipt, plugin.RetryAfter(errors.New("later"), 7*time.Second)
	case "throttled":
		return receipt, plugin.Throttled(errors.New("slow down"), time.Unix(2e9, 5))
	case "throttled without a time":
		return receipt, plugin.Throttled(errors.New("slow down"), time.Time{})
	case "plain":
		return receipt, errors.New("just failed \xff")
	case "panic":
		panic("send")
	case "exit":
		os.Exit(9)
	case "sleep":
		fmt.Fprintln(os.Stderr, "sleeping", d.ID)
		select {
		case <-time.After(o.For):
		case <-ctx.Done():
			return receipt, fmt.Errorf("sleep: %w", ctx.Err())
		}
	case "sleep deaf":
		time.Sleep(o.For)
	case "print":
		for range o.N {
			fmt.Println(strings.Repeat("o", 1000))
			fmt.Fprintln(os.Stderr, strings.Repeat("e", 1000))
		}
		for range o.N / 64 { // as a C library would, without a newline
			if _, err := syscall.Write(1, []byte(strings.Repeat("c", 64<<10))); err != nil {
				return receipt, err
			}
		}
	case "leave a child":
		child := exec.Command("sleep", "1000")
		child.Stdout, child.Stderr = os.NewFile(1, "out"), os.NewFile(2, "err")
		if err := child.Start(); err != nil {
			return receipt, err
		}
		receipt.Reply = fmt.Sprint(child.Process.Pid)
	default:
		return receipt, fmt.Errorf("no such act: %q", o.Do)
	}
	return receipt, nil
}

// playHost is a host that has one send in flight, says which process makes it, and
// is killed then.
func playHost(dir, mode string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	h, err := New(Config{
		Command: func(string) ([]string, error) { return []string{self, "sender", mode}, nil },
		RunDir:  dir,
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	receipt, err := h.Send(context.Background(), plugin.Delivery{Type: "test", Options: json.RawMessage(`{"do":"ok"}`)})
	if err != nil {
		return err
	}
	fmt.Println(receipt.Reply)
	_, err = h.Send(context.Background(), plugin.Delivery{Type: "test", Options: json.RawMessage(`{"do":"sleep","for":3600000000000}`)})
	return err
}

// idle does nothing, fast.
type idle struct{ actor }

func (idle) Describe(context.Context) (plugin.Description, error) {
	return plugin.Description{Type: "test"}, nil
}

func (idle) Send(context.Context, plugin.Delivery) (plugin.Receipt, error) {
	return plugin.Receipt{
		Request: plugin.Request{Method: "POST", URL: "https://ci.example.com/hook", Headers: map[string]string{"X-Token": "***"}},
		Status:  200,
	}, nil
}
