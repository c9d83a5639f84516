package scim

import (
	"strings"
)

// The names of the schemas.
const (
	UserSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	ListSchema       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	ErrorSchema      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// Path names an attribute, one of its values, or a part of it: userName, name.givenName, emails[type eq "work"].value,
// urn:…:enterprise:2.0:User:department.
type Path struct {
	Attr   string // in its usual spelling; of an extension, its schema
	Filter []Term // which of several values; nil = all
	Sub    string
}

// String is the path as a client may write it.
func (p Path) String() string {
	if p.Sub == "" {
		return p.Attr
	}
	return p.Attr + "." + p.Sub
}

// spelling are the attributes whose case is not that of their lower-case name. Names are compared without regard to case
// (RFC 7643 §2.1), and kept as the schema spells them.
func spelling() map[string]string {
	out := map[string]string{}
	for _, name := range []string{
		"id", "externalId", "userName", "displayName", "nickName", "profileUrl", "userType", "preferredLanguage", "phoneNumbers", "x509Certificates",
		"givenName", "familyName", "middleName", "honorificPrefix", "honorificSuffix", "streetAddress", "postalCode", "employeeNumber", "costCenter",
		"formatted", "active", "emails", "groups", "members", "value", "primary", "type", "display", "name", "title", "timezone", "locale", "meta", "schemas",
		"lastModified", "created", "resourceType", "$ref", "department", "organization", "division", "manager", "roles", "addresses", "ims", "photos",
		"entitlements", "password", EnterpriseSchema,
	} {
		out[strings.ToLower(name)] = name
	}
	return out
}

var spelled = spelling() // never written

// Canon is an attribute's name in its usual spelling; an unknown one stays as it is.
func Canon(name string) string {
	if usual, ok := spelled[strings.ToLower(name)]; ok {
		return usual
	}
	return name
}

// ParsePath reads a path. Errors: *Error.
func ParsePath(text string) (Path, error) {
	text = strings.TrimSpace(text)
	for _, core := range []string{UserSchema, GroupSchema} {
		if len(text) > len(core) && strings.EqualFold(text[:len(core)], core) && text[len(core)] == ':' {
			text = text[len(core)+1:]
		}
	}
	if len(text) >= len(EnterpriseSchema) && strings.EqualFold(text[:len(EnterpriseSchema)], EnterpriseSchema) {
		rest := strings.TrimPrefix(text[len(EnterpriseSchema):], ":")
		rest, _, _ = strings.Cut(rest, ".") // manager.value is kept as manager
		return Path{Attr: EnterpriseSchema, Sub: Canon(rest)}, nil
	}
	var p Path
	head, rest, bracket := strings.Cut(text, "[")
	if bracket {
		end := strings.LastIndexByte(rest, ']')
		if end < 0 {
			return p, wrong(InvalidPath, "the path %q has no closing bracket", clip(text))
		}
		terms, err := ParseFilter(rest[:end])
		if err != nil {
			return p, wrong(InvalidPath, "%s", err)
		}
		p.Filter, p.Attr = terms, Canon(head)
		if rest = rest[end+1:]; rest != "" {
			if rest[0] != '.' {
				return p, wrong(InvalidPath, "the path %q is not understood", clip(text))
			}
			p.Sub = Canon(rest[1:])
		}
	} else {
		attr, sub, _ := strings.Cut(text, ".")
		p.Attr, p.Sub = Canon(attr), Canon(sub)
	}
	if !plain(p.Attr) || p.Sub != "" && !plain(p.Sub) {
		return p, wrong(InvalidPath, "the path %q is not understood", clip(text))
	}
	return p, nil
}

func plain(name string) bool {
	return name != "" && len(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '$' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
