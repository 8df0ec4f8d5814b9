// Package wire carries the sender contract of package plugin between two processes:
// [Remote] is the host's end, [Service] the sender's. Both speak gRPC over a
// connection that go-plugin makes. Nothing of it is seen outside plugin/.
package wire

import (
	"context"
	"errors"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Version is the protocol version that this package speaks.
const Version = 1

// Name is the name under which the one plugin of a process is dispensed.
const Name = "sender"

// LifeFD is the environment variable that names the descriptor of the life pipe:
// its end of file means that the host is no more.
const LifeFD = "BELLBUOY_LIFE_FD"

// PrivateVar is the environment variable that, set to anything, asks a sender to let no
// process of the same user look into it, as its host does.
const PrivateVar = "BELLBUOY_PRIVATE"

// Limits of what goes over the wire, in bytes.
const (
	// MaxRequest bounds one message to a sender: the largest delivery and what
	// comes with it.
	MaxRequest = plugin.MaxDelivery + 256<<10
	// MaxAnswer bounds one message of a sender; a larger one ends its life.
	MaxAnswer = 256 << 10

	maxAside  = 64 << 10 // all of a delivery but event, body and options
	fillBatch = 64 << 10 // a batch of several is not filled beyond this
	window    = 4 << 20  // HTTP/2 flow control; a fixed one spares the pings that measure it
)

// Handshake is what both sides know of each other before they talk. The cookie is
// no secret: it only tells a sender that it was not started by hand.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		MagicCookieKey:   "BELLBUOY_SENDER",
		MagicCookieValue: "d1f0a0d67b7c4c58b3d1bff3c0c9a0f1",
	}
}

// Plugins is the table for go-plugin's version negotiation: service, or nil on the
// host's side, at each protocol version that this package speaks.
func Plugins(service *Service) map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{
		Version: {Name: &grpcPlugin{service: service}},
	}
}

// grpcPlugin is what go-plugin wants of a plugin.
type grpcPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	service *Service
}

func (p *grpcPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if p.service == nil {
		return errors.New("serve a sender: there is none on the host's side")
	}
	RegisterSenderServer(s, p.service)
	return nil
}

// GRPCClient returns the connection; [Open] makes a [Remote] of it.
func (p *grpcPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// DialOptions are the host's settings of the connection. The buffers are small
// because an idle pair of host and sender shall be.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(MaxAnswer),
			grpc.MaxCallSendMsgSize(MaxRequest),
		),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithDisableRetry(),
	}
}

// ServerOptions are the sender's settings of the connection.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxRequest),
		grpc.MaxSendMsgSize(MaxAnswer),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
		grpc.MaxConcurrentStreams(256),
	}
}
