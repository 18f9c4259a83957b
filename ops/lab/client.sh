#!/bin/sh
# What a DHCP client calls when its lease changes: udhcpc with the event in $1, dhclient and dhcpcd with it in
# $reason. It configures the interface (dhcpcd does so itself) and writes one line for each event:
#   EVENT ADDRESS LEASE_SECONDS SERVER
events='@EVENTS@'
configure='@CONFIGURE@'
interface=${interface:-eth0}
event=${reason:-$1}
address=${new_ip_address:-${ip:-}}
mask=${new_subnet_mask:-${mask:-}}
router=${new_routers:-${router:-}}
seconds=${new_dhcp_lease_time:-${lease:-}}
server=${new_dhcp_server_identifier:-${serverid:-}}
if [ "$configure" = yes ]; then
	case $event in
	bound | renew | BOUND | RENEW | REBIND | REBOOT)
		ip addr replace "$address/$mask" dev "$interface"
		[ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
		;;
	PREINIT | deconfig | EXPIRE | RELEASE | STOP | FAIL)
		ip addr flush dev "$interface"
		ip link set "$interface" up
		;;
	esac
fi
echo "$event ${address:--} ${seconds:-0} ${server:--}" >>"$events"
