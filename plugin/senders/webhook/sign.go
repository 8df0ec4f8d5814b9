package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	secretPrefix = "whsec_"
	hubSignature = "X-Hub-Signature-256"

	// maxSecrets keeps the header of signatures short.
	maxSecrets = 10
)

// signingSecret says what is wrong with a secret.
func signingSecret(s string) string {
	encoded, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return ""
	}
	if key, err := base64.StdEncoding.DecodeString(encoded); err != nil || len(key) == 0 {
		return "is no base64 behind whsec_; copy all of it, or leave out whsec_ where the secret is a text"
	}
	return ""
}

// signer signs with one secret: by the bytes behind whsec_, or by those of the text.
type signer struct {
	key     []byte
	webhook *standardwebhooks.Webhook
}

// newSigner takes what signingSecret finds nothing wrong with.
func newSigner(secret string) signer {
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, secretPrefix); ok {
		key, _ = base64.StdEncoding.DecodeString(encoded)
	}
	w, _ := standardwebhooks.NewWebhookRaw(key) // never fails
	return signer{key, w}
}

// sign puts into header who vouches for body, sent with id at at. All signers make the
// signatures of Standard Webhooks, the first alone that of GitHub, which has one.
func (t *target) sign(header http.Header, id string, at time.Time, body []byte) error {
	if len(t.signers) == 0 {
		return nil
	}
	signatures := make([]string, len(t.signers))
	for i, s := range t.signers {
		var err error
		if signatures[i], err = s.webhook.Sign(id, at, body); err != nil {
			return err
		}
	}
	header["Webhook-Signature"] = []string{strings.Join(signatures, " ")}
	mac := hmac.New(sha256.New, t.signers[0].key)
	_, _ = mac.Write(body)
	header[hubSignature] = []string{"sha256=" + hex.EncodeToString(mac.Sum(nil))}
	return nil
}
