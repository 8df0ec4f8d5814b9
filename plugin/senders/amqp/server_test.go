package amqp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

// errMissing: there is no RabbitMQ on this machine.
var errMissing = errors.New("RabbitMQ is not installed: on Debian, apt-get install rabbitmq-server")

// Debian's wrappers in /usr/sbin would run as another user, and in places of the machine's.
const binaries = "/usr/lib/rabbitmq/bin"

// broker is a RabbitMQ of these tests' own, in a temporary directory, on ports of loopback. It
// ends with this process, however that ends.
type broker struct {
	addr, tlsAddr string
	authority     *certtest.Authority

	dir  string
	env  []string
	cmd  []*exec.Cmd
	done []chan struct{}
}

// What the broker knows from the beginning: users, virtual hosts, and who may do what there.
const definitions = `{
	"users": [{"name": "bellbuoy", "password": "passw0rd-of-it", "tags": ["administrator"]}, {"name": "guest", "password": "guest", "tags": []},
		{"name": "reader", "password": "passw0rd-of-it", "tags": []}],
	"vhosts": [{"name": "/"}, {"name": "others"}, {"name": "few", "limits": []}],
	"permissions": [{"user": "bellbuoy", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
		{"user": "bellbuoy", "vhost": "few", "configure": ".*", "write": ".*", "read": ".*"},
		{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
		{"user": "reader", "vhost": "/", "configure": "", "write": "", "read": ".*"}],
	"parameters": [{"vhost": "few", "component": "vhost-limits", "name": "limits", "value": {"max-connections": 0}}]
}`

// The broker is begun by the first test that needs it, and ended after the last.
var (
	once   sync.Once
	begun  *broker
	failed error
)

func running(t testing.TB) *broker {
	t.Helper()
	once.Do(func() { begun, failed = startBroker(t) })
	b, err := begun, failed
	if errors.Is(err, errMissing) && os.Getenv("BELLBUOY_TEST_REQUIRE") != "all" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tests are all of them, with the end of the broker that they used.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if begun != nil {
		begun.stop()
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

func startBroker(t testing.TB) (_ *broker, err error) {
	if _, err := os.Stat(binaries + "/rabbitmq-server"); err != nil {
		return nil, errMissing
	}
	b := &broker{}
	if b.dir, err = os.MkdirTemp("", "bellbuoy-amqp"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	var ports [4]string
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	b.addr, b.tlsAddr = "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1]
	if err := b.certify(t); err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`
listeners.tcp.1 = %s
listeners.ssl.1 = %s
ssl_options.cacertfile = %[3]s/ca.pem
ssl_options.certfile = %[3]s/cert.pem
ssl_options.keyfile = %[3]s/key.pem
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
load_definitions = %[3]s/definitions.json
max_message_size = 8388608
log.file = false
log.console = true
`, b.addr, b.tlsAddr, b.dir)
	err = errors.Join(
		os.WriteFile(filepath.Join(b.dir, "rabbitmq.conf"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(b.dir, "definitions.json"), []byte(definitions), 0o600),
	)
	if err != nil {
		return nil, err
	}
	b.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "LC_ALL=C.UTF-8",
		"RABBITMQ_NODENAME=bellbuoy" + ports[0] + "@localhost", "RABBITMQ_BASE=" + b.dir, "RABBITMQ_MNESIA_BASE=" + b.dir + "/mnesia",
		"RABBITMQ_LOG_BASE=" + b.dir, "RABBITMQ_CONFIG_FILE=" + b.dir + "/rabbitmq.conf", "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + b.dir + "/advanced.config", "RABBITMQ_ENABLED_PLUGINS_FILE=" + b.dir + "/plugins",
		"RABBITMQ_GENERATED_CONFIG_DIR=" + b.dir + "/generated", "RABBITMQ_DIST_PORT=" + ports[3],
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
		"RUNNING_UNDER_SYSTEMD=true", // one process, and not a shell that waits for it
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=" + ports[2],
	}
	// Erlang would begin this one by itself, and leave it behind.
	if err := b.run("epmd", "-address", "127.0.0.1", "-port", ports[2]); err != nil {
		return nil, err
	}
	return b, b.restart()
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// run begins a program, which ends with this process.
func (b *broker) run(name string, args ...string) error {
	log, err := os.OpenFile(filepath.Join(b.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = b.env, b.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the signal comes when the thread that began it ends
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ends is in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	b.cmd, b.done = append(b.cmd, cmd), append(b.done, done)
	return nil
}

// restart runs the broker, that was killed or never ran, and waits until it answers.
func (b *broker) restart() error {
	if err := b.run(binaries + "/rabbitmq-server"); err != nil {
		return err
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		c, err := amqp.Dial(b.url(""))
		if err == nil {
			return c.Close()
		}
		select {
		case <-b.done[len(b.done)-1]:
			err = errors.New("it ended")
		default:
			if time.Now().Before(deadline) {
				continue
			}
		}
		log, _ := os.ReadFile(filepath.Join(b.dir, "log"))
		return fmt.Errorf("RabbitMQ does not run: %w: %s", err, log)
	}
}

// kill ends the broker as a crash would: nobody is told.
func (b *broker) kill() {
	last := len(b.cmd) - 1
	_ = b.cmd[last].Process.Kill()
	<-b.done[last]
	b.cmd, b.done = b.cmd[:last], b.done[:last]
}

func (b *broker) stop() {
	for len(b.cmd) > 0 {
		b.kill()
	}
	_ = os.RemoveAll(b.dir)
}

// ctl tells the running broker.
func (b *broker) ctl(t testing.TB, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binaries+"/rabbitmqctl", args...)
	cmd.Env, cmd.Dir = b.env, b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rabbitmqctl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (b *broker) url(vhost string) string {
	return "amqp://bellbuoy:passw0rd-of-it@" + b.addr + "/" + vhost
}

// certify gives the broker a certificate, and makes it ask for ours.
func (b *broker) certify(t testing.TB) (err error) {
	b.authority = certtest.NewAuthority(t)
	pair := b.authority.Issue(t, "127.0.0.1", time.Hour)
	for name, text := range map[string]string{"ca.pem": b.authority.PEM, "cert.pem": pair.Cert, "key.pem": pair.Key} {
		err = errors.Join(err, os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600))
	}
	return err
}

// at is the options of a target.
func at(t testing.TB, url string, more map[string]any) string {
	t.Helper()
	o := map[string]any{"url": url, "exchange": "registry", "routing_key": "events"}
	for k, v := range more {
		if o[k] = v; v == nil {
			delete(o, k)
		}
	}
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
