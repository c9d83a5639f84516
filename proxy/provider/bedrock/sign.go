package bedrock

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gatehouse/models"
	"gatehouse/proxy/provider"
)

// Credential signs each call with AWS's Signature Version 4, unless the deployment has a bearer key.
func (Provider) Credential(t *provider.Target, env provider.Env) (provider.Credential, error) {
	d := t.Deployment
	if bearer(d) != "" {
		return nil, nil //nolint:nilnil // Head has it
	}
	region, err := regionOf(d)
	if err != nil {
		return nil, err
	}
	return NewSigner(d, env, region, "bedrock")
}

// Signer signs calls to one AWS service. Safe for concurrent use.
type Signer struct {
	signer  *v4.Signer
	keys    func(ctx context.Context) (aws.Credentials, error)
	region  string
	service string
}

// errNoKeys says what is missing.
var errNoKeys = errors.New("no credential for AWS: set api_key, or aws_access_key_id and aws_secret_access_key")

// NewSigner makes a signer of a deployment's keys: those it names, those of its profile, or those of the role it takes on.
func NewSigner(d *models.Deployment, env provider.Env, region, service string) (*Signer, error) {
	keys := aws.Credentials{
		AccessKeyID: d.Secrets["aws_access_key_id"].Reveal(), SecretAccessKey: d.Secrets["aws_secret_access_key"].Reveal(),
		SessionToken: d.Secrets["aws_session_token"].Reveal(),
	}
	if profile, _ := d.Params["aws_profile_name"].(string); keys.AccessKeyID == "" && profile != "" {
		if !env.Trusted {
			return nil, errors.New("aws_profile_name is for deployments of config.yaml")
		}
		var err error
		if keys, err = profileKeys(env, profile); err != nil {
			return nil, err
		}
	}
	s := &Signer{signer: v4.NewSigner(), region: region, service: service}
	role, err := roleOf(d, env, region, keys)
	switch {
	case err != nil:
		return nil, err
	case role != nil:
		s.keys = role.get
	case keys.AccessKeyID == "" || keys.SecretAccessKey == "":
		return nil, errNoKeys
	default:
		s.keys = func(context.Context) (aws.Credentials, error) { return keys, nil }
	}
	return s, nil
}

// Append appends the headers that sign the call.
func (s *Signer) Append(dst []byte, c *provider.Unsigned) ([]byte, error) {
	ctx, cancel := context.WithDeadline(context.Background(), c.Deadline)
	defer cancel()
	keys, err := s.keys(ctx)
	if err != nil {
		return dst, err
	}
	u, err := url.Parse("https://" + c.Host + c.Path)
	if err != nil {
		return dst, fmt.Errorf("sign: %w", err)
	}
	hash := sha256.New()
	for _, part := range c.Body {
		hash.Write(part)
	}
	req := &http.Request{Method: c.Method, URL: u, Host: c.Host, Header: http.Header{}}
	if err := s.signer.SignHTTP(ctx, keys, req, hex.EncodeToString(hash.Sum(nil)), s.service, s.region, c.Now); err != nil {
		return dst, fmt.Errorf("sign: %w", err)
	}
	for _, name := range [...]string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if value := req.Header.Get(name); value != "" {
			if dst, err = provider.AppendHeader(dst, name, value); err != nil {
				return dst, err //nolint:wrapcheck // says it all
			}
		}
	}
	return dst, nil
}

// profileKeys reads a profile's keys from the file that the AWS tools share.
func profileKeys(env provider.Env, profile string) (aws.Credentials, error) {
	var keys aws.Credentials
	name := env.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if name == "" {
		name = filepath.Join(env.Getenv("HOME"), ".aws", "credentials")
	}
	text, err := env.ReadFile(name)
	if err != nil {
		return keys, fmt.Errorf("read the AWS credentials file: %w", err)
	}
	inside := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			inside = strings.TrimSpace(strings.Trim(line, "[]")) == profile
			continue
		}
		field, value, ok := strings.Cut(line, "=")
		if !inside || !ok {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(field) {
		case "aws_access_key_id":
			keys.AccessKeyID = value
		case "aws_secret_access_key":
			keys.SecretAccessKey = value
		case "aws_session_token":
			keys.SessionToken = value
		}
	}
	if keys.AccessKeyID == "" {
		return keys, fmt.Errorf("the AWS credentials file has no keys for the profile %q", profile)
	}
	return keys, nil
}
