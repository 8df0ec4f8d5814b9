// Package serve is the whole of a sender's main:
//
//	func main() { serve.Main(map[string]plugin.Sender{"matrix": sender{}}) }
//
// It talks to the host, sees to it that the process ends with the host, and keeps
// what the sender prints from doing harm. A sender logs to standard error; the host
// passes its lines on, up to a rate. Standard output belongs to the host until
// the first call, so nothing may be printed before Main.
package serve

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

// Hosted reports whether a host has started this process.
func Hosted() bool {
	h := wire.Handshake()
	return os.Getenv(h.MagicCookieKey) == h.MagicCookieValue
}

// Main serves senders, by target type, to the host that started this process, and
// returns when the host has no more to send. It is the only thing that a main does.
//
// The process ends at once where the host does, killed or not; it does not end on
// SIGINT, SIGTERM and SIGHUP, which may reach a whole process group or service, since
// the host still has sends in flight then and stops its senders after them. A panic in
// a call is an error of that call. Files are made for the owner only (umask 077).
//
// Started by anything else than a host it does one call of a sender, as its arguments
// say, and prints the answer; without arguments it says how, and exits with status 2. See
// [ByHand].
func Main(senders map[string]plugin.Sender) {
	if !Hosted() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		answer := os.Stdout
		os.Stdout = os.Stderr // what a sender prints is not the answer
		status := ByHand(ctx, senders, filepath.Base(os.Args[0]), os.Args[1:], os.Stdin, answer, os.Stderr)
		stop()
		os.Exit(status)
	}
	handshake := wire.Handshake()
	syscall.Umask(0o077)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	nameProcess(filepath.Base(os.Args[0]))
	if os.Getenv(wire.PrivateVar) != "" {
		if err := keepPrivate(); err != nil {
			fmt.Fprintf(os.Stderr, "keep the memory of this process from other processes: %v\n", err)
			os.Exit(2)
		}
	}
	if err := followHost(os.Getenv(wire.LifeFD)); err != nil {
		fmt.Fprintf(os.Stderr, "follow the host's life: %v\n", err)
		os.Exit(2)
	}

	stderr := os.Stderr // go-plugin puts a pipe in its place
	first := sync.OnceFunc(func() { divertStdout(stderr) })
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: wire.Plugins(wire.NewService(senders, stderr)),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: stderr}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			opts = append(opts, wire.ServerOptions()...)
			opts = append(opts,
				grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
					first()
					return handle(ctx, req)
				}),
				grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
					first()
					return handle(srv, stream)
				}))
			return grpc.NewServer(opts...)
		},
	})
}
