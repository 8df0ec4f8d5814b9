package wire

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The example in Python speaks this protocol, not one of last year.
func TestPythonHasThisProtocol(t *testing.T) {
	code, err := os.ReadFile("../../../examples/sender-python/sender_pb2.py")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`AddSerializedFile\(b'(.*)'\)`).FindStringSubmatch(string(code))
	if m == nil {
		t.Fatal("no descriptor in sender_pb2.py")
	}
	raw, err := strconv.Unquote(`"` + strings.ReplaceAll(m[1], `\'`, `'`) + `"`)
	if err != nil {
		t.Fatal(err)
	}
	var python descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal([]byte(raw), &python); err != nil {
		t.Fatal(err)
	}
	ours := protodesc.ToFileDescriptorProto(File_sender_proto)
	for _, m := range ours.MessageType {
		for _, f := range m.Field {
			f.JsonName = nil // which protoc derives for Go only
		}
	}
	if diff := cmp.Diff(prototext.Format(ours), prototext.Format(&python)); diff != "" {
		t.Errorf("examples/sender-python/sender_pb2.py is of another sender.proto: run make generate\n%s", diff)
	}
}
