package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// maxCertFile is how large a file of certificates or a key may be.
const maxCertFile = 1 << 20

// TLS names what a listener shows to those who connect.
type TLS struct {
	// Cert is a PEM file: the certificate, then those between it and the CA. It is read
	// again when it changes. Its path is relative to the folder of this file.
	Cert File `yaml:"cert" jsonschema:"required,example=/etc/bellbuoy/tls.crt"`
	// Key is the PEM file of the certificate's key, unencrypted. Its path is relative to
	// the folder of this file.
	Key File `yaml:"key" jsonschema:"required,example=/etc/bellbuoy/tls.key"`
}

// File is the path of a file. One that is not absolute in the file was relative to
// the folder of the configuration, which it has in front of it here.
type File string

// path decodes a [File].
func (d *decoder) path(n *yaml.Node, to *File, path string) {
	if !d.text(n, path) {
		return
	}
	*to = File(within(d.dir, n.Value))
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// ca decodes the path of a CA's file and reads the file.
func (d *decoder) ca(n *yaml.Node, to *CA, path string) {
	if !d.text(n, path) {
		return
	}
	if d.made {
		d.fault(n.Line, path, "names a file of the machine that bellbuoy runs on, which only a configuration file may: write the registry there, or take another credential")
		return
	}
	data, _, err := readRegular("CA", d.dir, n.Value, maxCertFile)
	d.reads = append(d.reads, readOf(within(d.dir, n.Value), data))
	if err != nil {
		d.fault(n.Line, path, err.Error())
		return
	}
	*to = CA{File: within(d.dir, n.Value), Pool: x509.NewCertPool()}
	certs, err := certificates(data)
	if err != nil {
		d.fault(n.Line, path, fmt.Sprintf("CA file %s %v: name a PEM file of certificates", to.File, err))
		return
	}
	for _, c := range certs {
		to.Pool.AddCert(c)
		if w := validity(c); w != "" {
			d.warn(n.Line, path, fmt.Sprintf("CA file %s: its certificate %q %s: no certificate that it signed is taken", to.File, c.Subject.String(), w))
		}
	}
}

// certificates reads those in a PEM file, of which there must be one.
func certificates(data []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("has a certificate that cannot be read (%w)", err)
		}
		list = append(list, c)
	}
	if list == nil {
		return nil, fmt.Errorf("holds no certificate")
	}
	return list, nil
}

// validity says that c is not valid now, or "".
func validity(c *x509.Certificate) string {
	const day = "2006-01-02"
	switch now := time.Now(); {
	case now.After(c.NotAfter):
		return "expired on " + c.NotAfter.Format(day)
	case now.Before(c.NotBefore):
		return "is not valid before " + c.NotBefore.Format(day)
	}
	return ""
}

// tls finds what is wrong with a listener's certificate and key.
func (k *checker) tls(path string, t *TLS) {
	if t == nil {
		return
	}
	cert, _, err := readRegular("certificate", "", string(t.Cert), maxCertFile)
	if err != nil {
		k.fault(path+".cert", "%v", err)
	}
	key, mode, keyErr := readRegular("key", "", string(t.Key), maxCertFile)
	k.reads = append(k.reads, readOf(string(t.Cert), cert), readOf(string(t.Key), key))
	if keyErr != nil {
		k.fault(path+".key", "%v", keyErr)
	} else if mode&0o004 != 0 {
		k.faults = append(k.faults, Warningf(path+".key", "key file %s can be read by every user of this machine (mode %04o): take that right away with chmod o-r", t.Key, mode))
	}
	if err != nil {
		return
	}
	certs, err := certificates(cert)
	if err != nil {
		k.fault(path+".cert", "certificate file %s %v: name a PEM file, the listener's own certificate first", t.Cert, err)
		return
	}
	if w := validity(certs[0]); w != "" {
		k.faults = append(k.faults, Warningf(path+".cert", "certificate file %s: its certificate %s: registries that check it will not post; renew it", t.Cert, w))
	}
	if keyErr != nil {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		what := "%s is no key for the certificate in %s (%s): name the one that belongs to it, unencrypted, in PEM"
		k.fault(path+".key", what, t.Key, t.Cert, strings.TrimPrefix(err.Error(), "tls: "))
	}
}
