// Included where the target's instructions are known, within a namespace without a name.
// The kinds of numbers that come in and go out
inline float get(const void* values, std::size_t at, Kind kind) {
    if (kind == Kind::float32) return static_cast<const float*>(values)[at];
    const std::uint16_t bits = static_cast<const std::uint16_t*>(values)[at];
    return kind == Kind::bfloat16 ? std::bit_cast<float>(std::uint32_t{bits} << 16) : _cvtsh_ss(bits);
}

inline void put(void* values, std::size_t at, float value, Kind kind) {
    if (kind == Kind::float32) {
        static_cast<float*>(values)[at] = value;
        return;
    }
    std::uint16_t bits;
    if (kind == Kind::float16) {
        bits = _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
    } else {
        const std::uint32_t whole = std::bit_cast<std::uint32_t>(value);
        bits = static_cast<std::uint16_t>(
            value != value ? 0x7fc0 : (whole + 0x7fff + ((whole >> 16) & 1)) >> 16);  // to the nearest, then to even
    }
    static_cast<std::uint16_t*>(values)[at] = bits;
}
