package conformance

import "bytes"

const (
	noteFirmware = "No RFC says which of siaddr, sname, file, 66 and 67 firmware looks at; BIOS ROMs look at the fields, UEFI at both. " +
		"Others send the options to who asks for them; dnsmasq then leaves the field empty."
)

// firmwares are devices that boot from the network by DHCP (rows W-020 to W-023, W-026).
func firmwares() []Vector {
	here := by("10.82.0.1")
	pxe := func(arch string, e ...Edit) []Edit {
		return append([]Edit{here, text(optVendor, "PXEClient:Arch:000"+arch+":UNDI:003016"), maxSize(1464),
			list(1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67, 97, 128, 129, 130),
			opt(97, make([]byte, 17)...), opt(94, 1, 3, 16)}, e...)
	}
	boots := func(file string) []Check {
		return []Check{offer(), siaddr(is("10.82.0.9")), fileIs(file), valueText(67, file), valueText(66, "10.82.0.9")}
	}
	http := []Edit{here, text(optVendor, "HTTPClient:Arch:00016:UNDI:003001"), opt(93, 0, 16), list(1, 3, 6, 43, 54, 60, 67)}
	return []Vector{
		{Rows: "W-020", Asks: "PXE, BIOS: server and file in fields and options, 53 and 54 first", Note: noteFirmware, Steps: then(
			discover(pxe("00", opt(93, 0, 0))...).want(append(boots("undionly.kpxe"), begins(optType, optServer))...))},
		{Rows: "W-020", Asks: "PXE, BIOS, asks for nothing and takes 576 octets: the same", Note: noteFirmware, Steps: then(
			discover(here, text(optVendor, "PXEClient:Arch:00000:UNDI:002001"), opt(93, 0, 0)).want(
				append(boots("undionly.kpxe"), size(300, 548), overloadedBy(0))...))},
		{Rows: "W-021", Asks: "PXE, UEFI: its file, and no option 60 where there is no 43", Note: noteFirmware, Steps: then(
			discover(pxe("07", opt(93, 0, 7))...).want(append(boots("ipxe-x64.efi"), none(optVendor))...))},
		{Rows: "W-022", Asks: "HTTP boot: option 60 HTTPClient, the URL in 67", Steps: then(
			discover(http...).want(offer(), valueText(optVendor, "HTTPClient"), bootsFrom("http://10.82.0.9/boot.efi")))},
		{Rows: "W-023", Asks: "PXE, architecture 9: as 7", Steps: then(
			discover(pxe("09", opt(93, 0, 9))...).want(offer(), bootsFrom("ipxe-x64.efi")))},
		{Rows: "W-023", Asks: "PXE, architecture 11: that of arm64", Steps: then(
			discover(pxe("11", opt(93, 0, 11))...).want(offer(), bootsFrom("ipxe-arm64.efi")))},
		{Rows: "W-023", Asks: "PXE, a list of architectures, the second of which has a file: that", Steps: then(
			discover(pxe("06", opt(93, 0, 6, 0, 7))...).want(offer(), bootsFrom("ipxe-x64.efi")))},
		{Rows: "W-026", Asks: "iPXE, user class and option 175: its menu", Steps: then(
			discover(pxe("00", opt(93, 0, 0), text(77, "iPXE"), opt(175, 177, 1, 1))...).want(offer(), siaddr(is("10.82.0.9")),
				bootsFrom("menu.ipxe")))},
	}
}

// bootsFrom expects a file in its field or in option 67, with or without a NUL behind it.
func bootsFrom(file string) Check {
	return that(func(r *Reply, m *Memory) string {
		if string(bytes.TrimRight(r.Get(67), "\x00")) == file {
			return ""
		}
		return fileIs(file).See(r, m)
	})
}
