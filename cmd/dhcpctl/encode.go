package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// field is one name and value of an object. Objects keep the order of their fields.
type field struct {
	name  string
	value any // scalar as JSON text (json.RawMessage), []field, or []any
}

// fieldsOf turns a message into fields with the names of its proto. Unlike canonical protobuf JSON it writes
// 64-bit numbers as numbers, so that scripts can compare them, and writes zero values, so that they can rely
// on every field but unset messages being there.
func fieldsOf(m protoreflect.Message) []field {
	fields := []field{}
	descriptors := m.Descriptor().Fields()
	for i := range descriptors.Len() {
		fd := descriptors.Get(i)
		if fd.HasPresence() && !m.Has(fd) {
			continue
		}
		v := m.Get(fd)
		if !fd.IsList() {
			fields = append(fields, field{string(fd.Name()), valueOf(fd, v)})
			continue
		}
		items := []any{}
		for j := range v.List().Len() {
			items = append(items, valueOf(fd, v.List().Get(j)))
		}
		fields = append(fields, field{string(fd.Name()), items})
	}
	return fields
}

// valueOf turns one value into what field.value holds.
func valueOf(fd protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		switch m := v.Message().Interface().(type) {
		case *timestamppb.Timestamp:
			return scalar(m.AsTime().Format(time.RFC3339))
		case *durationpb.Duration:
			return scalar(strconv.FormatFloat(m.AsDuration().Seconds(), 'f', -1, 64) + "s")
		}
		return fieldsOf(v.Message())
	case protoreflect.EnumKind:
		if e := fd.Enum().Values().ByNumber(v.Enum()); e != nil {
			return scalar(string(e.Name()))
		}
		return scalar(int32(v.Enum()))
	case protoreflect.BytesKind:
		return scalar(base64.StdEncoding.EncodeToString(v.Bytes()))
	}
	return scalar(v.Interface())
}

// scalar returns v as JSON text; v is a string, a bool or an integer.
func scalar(v any) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return json.RawMessage(`null`)
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

// writeJSON writes fields as indented JSON.
func writeJSON(w io.Writer, fields []field) error {
	var b strings.Builder
	jsonValue(&b, fields, "")
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// jsonValue appends a value to b; indent stands before the closing brace.
func jsonValue(b *strings.Builder, v any, indent string) {
	deeper := indent + "  "
	switch v := v.(type) {
	case json.RawMessage:
		b.Write(v)
	case []field:
		jsonBlock(b, '{', '}', indent, len(v), func(i int) {
			fmt.Fprintf(b, "%q: ", v[i].name)
			jsonValue(b, v[i].value, deeper)
		})
	case []any:
		jsonBlock(b, '[', ']', indent, len(v), func(i int) { jsonValue(b, v[i], deeper) })
	}
}

// jsonBlock appends n items between brackets, one on a line.
func jsonBlock(b *strings.Builder, open, end byte, indent string, n int, item func(int)) {
	b.WriteByte(open)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent + "  ")
		item(i)
	}
	if n > 0 {
		b.WriteString("\n" + indent)
	}
	b.WriteByte(end)
}

// writeYAML writes fields as YAML. Strings keep their JSON quotes, which YAML reads alike.
func writeYAML(w io.Writer, fields []field) error {
	var b strings.Builder
	yamlFields(&b, fields, "")
	_, err := io.WriteString(w, b.String())
	return err
}

// yamlFields appends the fields of an object, each on its own line behind indent.
func yamlFields(b *strings.Builder, fields []field, indent string) {
	for i, f := range fields {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(f.name + ":")
		yamlValue(b, f.value, indent)
	}
}

// yamlValue appends what stands behind the colon of a field at indent.
func yamlValue(b *strings.Builder, v any, indent string) {
	switch v := v.(type) {
	case json.RawMessage:
		b.WriteString(" " + string(v) + "\n")
	case []field:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		b.WriteString("\n" + indent + "  ")
		yamlFields(b, v, indent+"  ")
	case []any:
		if len(v) == 0 {
			b.WriteString(" []\n")
			return
		}
		b.WriteByte('\n')
		for _, item := range v {
			b.WriteString(indent + "  -")
			if fields, ok := item.([]field); ok && len(fields) > 0 {
				b.WriteByte(' ')
				yamlFields(b, fields, indent+"    ")
				continue
			}
			yamlValue(b, item, indent+"  ")
		}
	}
}
