package api

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/app/scim"
	"gatehouse/app/web"
	"gatehouse/models/fault"
)

// scimConfig serves GET /scim/v2/ServiceProviderConfig (RFC 7643 §5).
func (h *Handlers) scimConfig(c *fiber.Ctx) error {
	no := object{"supported": false}
	return scimAnswer(c, fiber.StatusOK, object{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   object{"supported": true}, "bulk": object{"supported": false, "maxOperations": 0, "maxPayloadSize": web.MaxBody},
		"filter": object{"supported": true, "maxResults": 500}, "changePassword": no, "sort": no, "etag": no,
		"authenticationSchemes": []object{{
			"type": "oauthbearertoken", "name": "Bearer key", "primary": true, "description": "A key whose allowed_routes are [\"/scim/*\"], or an administrator's.",
		}},
		"meta": scimMeta{Type: "ServiceProviderConfig", Location: h.Base(c) + scimBase + "/ServiceProviderConfig"},
	})
}

// scimTypes serves GET /scim/v2/ResourceTypes, all or one.
func (h *Handlers) scimTypes(c *fiber.Ctx) error {
	kind := func(name, endpoint, schema string, extensions ...object) map[string]any {
		return object{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": name, "name": name, "endpoint": endpoint, "schema": schema,
			"schemaExtensions": append([]object{}, extensions...),
			"meta":             scimMeta{Type: "ResourceType", Location: h.Base(c) + scimBase + "/ResourceTypes/" + name},
		}
	}
	return scimAbout(c, "id",
		kind("User", "/Users", scim.UserSchema, object{"schema": scim.EnterpriseSchema, "required": false}),
		kind("Group", "/Groups", scim.GroupSchema),
	)
}

// scimSchemas serves GET /scim/v2/Schemas, all or one.
func (h *Handlers) scimSchemas(c *fiber.Ctx) error {
	schema := func(id, name string, attributes ...object) map[string]any {
		return object{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": id, "name": name, "description": name, "attributes": attributes,
			"meta": scimMeta{Type: "Schema", Location: h.Base(c) + scimBase + "/Schemas/" + id},
		}
	}
	return scimAbout(c, "id",
		schema(scim.UserSchema, "User",
			scimAttr("userName", "string", "required", true, "uniqueness", "server"), scimAttr("externalId", "string", "caseExact", true),
			scimAttr("displayName", "string"), scimAttr("active", "boolean"),
			scimAttr("name", "complex", "subAttributes", []object{scimAttr("formatted", "string"), scimAttr("givenName", "string"), scimAttr("familyName", "string")}),
			scimAttr("emails", "complex", "multiValued", true, "subAttributes", []object{scimAttr("value", "string"), scimAttr("type", "string"), scimAttr("primary", "boolean")}),
			scimAttr("groups", "complex", "multiValued", true, "mutability", "readOnly", "subAttributes", []object{
				scimAttr("value", "string", "mutability", "readOnly"), scimAttr("display", "string", "mutability", "readOnly"),
			}),
		),
		schema(scim.GroupSchema, "Group",
			scimAttr("displayName", "string", "required", true), scimAttr("externalId", "string", "caseExact", true),
			scimAttr("members", "complex", "multiValued", true, "subAttributes", []object{
				scimAttr("value", "string", "mutability", "immutable"), scimAttr("display", "string", "mutability", "readOnly"), scimAttr("type", "string", "mutability", "immutable"),
			}),
		),
		schema(scim.EnterpriseSchema, "EnterpriseUser",
			scimAttr("employeeNumber", "string"), scimAttr("costCenter", "string"), scimAttr("organization", "string"), scimAttr("division", "string"),
			scimAttr("department", "string"), scimAttr("manager", "complex", "subAttributes", []object{scimAttr("value", "string"), scimAttr("displayName", "string")}),
		),
	)
}

// scimAttr describes an attribute (RFC 7643 §7); more are characteristics that are not the usual ones.
func scimAttr(name, kind string, more ...any) object {
	out := object{
		"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default",
		"uniqueness": "none", "description": name,
	}
	for i := 0; i+1 < len(more); i += 2 {
		word, _ := more[i].(string)
		out[word] = more[i+1]
	}
	return out
}

// scimAbout answers with one of the descriptions, or with the list of all.
func scimAbout(c *fiber.Ctx, field string, all ...map[string]any) error {
	id, err := scimID(c)
	if err != nil {
		return err
	}
	if id == "" {
		return scimList(c, len(all), 1, all)
	}
	for _, one := range all {
		if one[field] == id {
			return scimAnswer(c, fiber.StatusOK, one)
		}
	}
	return fault.New(fault.NotFound, "there is no such description")
}
