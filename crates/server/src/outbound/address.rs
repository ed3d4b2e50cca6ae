//! Which addresses may be called: those that anyone on the Internet could call too.
//!
//! An application's settings say where the server calls. Without this rule, whoever registers one
//! could make the server speak to what only it can reach: itself, its network, the cloud's metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The networks of IPv4 that are not the Internet, from the IANA special-purpose registry (RFC 6890)
/// and what came to it since; and one address that is meant for virtual machines alone.
const SPECIAL_V4: [Ipv4Net; 17] = [
    v4(0, 0, 0, 0, 8),          // this host on this network, RFC 791
    v4(10, 0, 0, 0, 8),         // private, RFC 1918
    v4(100, 64, 0, 0, 10),      // shared by carriers, RFC 6598
    v4(127, 0, 0, 0, 8),        // loopback, RFC 1122
    v4(168, 63, 129, 16, 32),   // metadata of Azure
    v4(169, 254, 0, 0, 16),     // link-local, RFC 3927; metadata of most clouds
    v4(172, 16, 0, 0, 12),      // private, RFC 1918
    v4(192, 0, 0, 0, 24),       // protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),       // documentation, RFC 5737
    v4(192, 88, 99, 0, 24),     // relays of 6to4, RFC 7526
    v4(192, 168, 0, 0, 16),     // private, RFC 1918
    v4(198, 18, 0, 0, 15),      // benchmarks, RFC 2544
    v4(198, 51, 100, 0, 24),    // documentation, RFC 5737
    v4(203, 0, 113, 0, 24),     // documentation, RFC 5737
    v4(224, 0, 0, 0, 4),        // multicast, RFC 5771
    v4(240, 0, 0, 0, 4),        // reserved, RFC 1112
    v4(255, 255, 255, 255, 32), // broadcast, RFC 919
];

/// All of IPv6 that is given out to be called (RFC 4291 section 2.4).
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What is special within it.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments with Teredo, RFC 2928
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation, RFC 3849
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4, which leads to any IPv4 address, RFC 3056
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation, RFC 9637
];

/// IPv4 addresses as a NAT64 shows them (RFC 6052 section 2.1).
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), length)
}

/// The rule, with what the operator allows besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressRule {
    /// Whether this very machine may be called.
    pub(crate) allow_loopback: bool,
    /// Networks that may be called though they are special.
    pub(crate) allow_networks: Vec<IpNet>,
}

impl AddressRule {
    /// Whether `address` may be called.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        let address = embedded_v4(address).map_or(address, IpAddr::V4);
        is_public(address)
            || (self.allow_loopback && address.is_loopback())
            || self.allow_networks.iter().any(|network| network.contains(&address))
    }
}

/// The IPv4 address that calls to this one end up at, if they do (RFC 4291 section 2.5.5.2, RFC 6052).
fn embedded_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let [.., a, b, c, d] = v6.octets();
    let translated = NAT64.contains(&v6).then(|| Ipv4Addr::new(a, b, c, d));
    v6.to_ipv4_mapped().or(translated)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_UNICAST.contains(&v6) && !SPECIAL_V6.iter().any(|network| network.contains(&v6))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_allowed(rule: &AddressRule, addresses: &[&str], allowed: bool) {
        for address in addresses {
            assert_eq!(rule.allows(address.parse().unwrap()), allowed, "{address}");
        }
    }

    const LOOPBACK: [&str; 5] =
        ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"];

    #[test]
    fn public_addresses_may_be_called() {
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "3ffe::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ];
        assert_allowed(&AddressRule::default(), &public, true);
    }

    #[test]
    fn no_special_address_of_ipv4_may_be_called() {
        let special = [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ];
        let rule = AddressRule::default();
        assert_allowed(&rule, &special, false);
        assert_allowed(
            &rule,
            &special.map(|v4| format!("::ffff:{v4}")).each_ref().map(|s| &**s),
            false,
        );
        assert_allowed(
            &rule,
            &special.map(|v4| format!("64:ff9b::{v4}")).each_ref().map(|s| &**s),
            false,
        );
        assert_allowed(&rule, &LOOPBACK, false);
    }

    #[test]
    fn no_special_address_of_ipv6_may_be_called() {
        let special = [
            "::",
            "::2",
            "::10.0.0.1",
            "::1.1.1.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:101:101::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ];
        assert_allowed(&AddressRule::default(), &special, false);
    }

    #[test]
    fn loopback_may_be_allowed_and_nothing_else_is_with_it() {
        let rule = AddressRule { allow_loopback: true, ..AddressRule::default() };
        assert_allowed(&rule, &LOOPBACK, true);
        let others =
            ["10.0.0.1", "169.254.169.254", "192.168.0.1", "fd00::1", "fe80::1", "0.0.0.0", "::"];
        assert_allowed(&rule, &others, false);
    }

    #[test]
    fn a_network_may_be_allowed_and_nothing_beside_it_is() {
        let networks = ["10.20.0.0/16", "fd12::/16"].map(|network| network.parse().unwrap());
        let rule = AddressRule { allow_networks: networks.into(), ..AddressRule::default() };
        assert_allowed(&rule, &["10.20.255.255", "::ffff:10.20.0.1", "fd12::1"], true);
        assert_allowed(&rule, &["10.21.0.1", "fd13::1", "127.0.0.1", "::ffff:10.21.0.1"], false);
    }
}
