package strict

import (
	"errors"
	"reflect"
	"slices"
	"strings"
)

// Decode reads n into v, a pointer. Struct fields are named by their yaml tag;
// a field of type Pos is set to where its struct stands; a field tagged
// `yaml:",extra"` of type map[string]any takes the keys that no other field
// does. It returns an Errors with everything that is wrong.
func (n Node) Decode(v any) error {
	d := decoder{}
	d.value(n, reflect.ValueOf(v).Elem())
	return d.errs.Err()
}

// Decode parses b and decodes it into v.
func Decode(file string, b []byte, v any) error {
	n, err := Parse(file, b)
	if err != nil {
		return err
	}
	return n.Decode(v)
}

type decoder struct{ errs Errors }

var posType = reflect.TypeFor[Pos]()

// value decodes n into v by v's kind.
func (d *decoder) value(n Node, v reflect.Value) {
	if u, ok := v.Addr().Interface().(Unmarshaler); ok {
		d.join(n, u.UnmarshalNode(n))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(n, p.Elem())
		v.Set(p)
	case reflect.Struct:
		d.fields(n, v)
	case reflect.Slice:
		d.list(n, v)
	case reflect.Map:
		d.mapping(n, v)
	default:
		d.scalar(n, v)
	}
}

// join adds the errors of a type that reads itself.
func (d *decoder) join(n Node, err error) {
	var one *Error
	var many Errors
	switch {
	case err == nil:
	case errors.As(err, &many):
		d.errs = append(d.errs, many...)
	case errors.As(err, &one):
		d.errs = append(d.errs, one)
	default:
		d.errs.Add(n.Pos().Errorf("%v", err))
	}
}

func (d *decoder) scalar(n Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		t, ok := n.Text()
		if !ok {
			d.errs.Add(n.Wrong("text"))
		}
		v.SetString(t)
	case reflect.Bool:
		b, err := n.Bool()
		d.errs.Add(err)
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		i, err := n.Int()
		d.errs.Add(err)
		v.SetInt(i)
	case reflect.Float64:
		f, err := n.Float()
		d.errs.Add(err)
		v.SetFloat(f)
	default:
		d.errs.Add(n.Pos().Errorf("values of type %v cannot be written in YAML", v.Type()))
	}
}

func (d *decoder) list(n Node, v reflect.Value) {
	items, err := n.Items()
	if err != nil {
		d.errs.Add(err)
		return
	}
	s := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, it := range items {
		d.value(it, s.Index(i))
	}
	v.Set(s)
}

func (d *decoder) mapping(n Node, v reflect.Value) {
	fs, err := n.Fields()
	if err != nil {
		d.errs.Add(err)
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(fs))
	for _, f := range fs {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(f.Value, e)
		m.SetMapIndex(reflect.ValueOf(f.Key), e)
	}
	v.Set(m)
}

func (d *decoder) fields(n Node, v reflect.Value) {
	fs, err := n.Fields()
	if err != nil {
		d.errs.Add(err)
		return
	}
	byKey := map[string]reflect.Value{}
	var keys []string
	var extra reflect.Value
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, opt, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Type == posType:
			v.Field(i).Set(reflect.ValueOf(n.Pos()))
		case opt == "extra":
			extra = v.Field(i)
		case name != "" && name != "-":
			byKey[name] = v.Field(i)
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	for _, f := range fs {
		switch field, ok := byKey[f.Key]; {
		case ok:
			d.value(f.Value, field)
		case extra.IsValid():
			x, err := f.Value.Any()
			d.errs.Add(err)
			if extra.IsNil() {
				extra.Set(reflect.ValueOf(map[string]any{}))
			}
			extra.Interface().(map[string]any)[f.Key] = x
		default:
			d.errs.Add(Unknown(f.At, "key", f.Key, keys))
		}
	}
}
