// What JavaScript sees: one device per handle, raw addresses as numbers, command streams as Float64Arrays.
// src/engine/devices/native/ is its only caller and checks operands; here they are only asserted.
#include <node_api.h>

#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <string>

#include "bandwidth.h"
#include "isa.h"
#include "mapped-file.h"
#include "memory.h"
#include "pool.h"
#include "self-check.h"
#include "table.h"

namespace reckon {
namespace {

// A pool and the tensors' memory. Whatever JavaScript forgot to free goes with it.
struct Device {
  Device(int threads, IsaLevel level, Precision precision) : level(level), pool(new Pool(threads, level, precision)) {}
  ~Device() { close(); }

  // Whether a block holds all of [address, address + bytes).
  bool holds(const void* address, size_t bytes) const {
    auto after = blocks.upper_bound(reinterpret_cast<uintptr_t>(address));
    if (after == blocks.begin()) return false;
    const auto& [begin, size] = *--after;
    const size_t offset = reinterpret_cast<uintptr_t>(address) - begin;
    return offset <= size && bytes <= size - offset;
  }

  void close() {
    pool.reset();
    for (const auto& [address, bytes] : blocks) release(reinterpret_cast<void*>(address), bytes);
    blocks.clear();
  }

  const IsaLevel level;
  std::unique_ptr<Pool> pool;
  // Bytes of each allocation by its address.
  std::map<uintptr_t, size_t> blocks;
};

napi_value fail(napi_env env, const std::string& message) {
  napi_throw_error(env, nullptr, message.c_str());
  return nullptr;
}

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

napi_value text(napi_env env, const std::string& value) {
  napi_value result;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

napi_value truth(napi_env env, bool value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}

// The arguments of a call from JavaScript.
template <size_t N>
struct Call {
  Call(napi_env env, napi_callback_info info) : env(env) {
    size_t count = N;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }

  double number(size_t i) const {
    double value = 0;
    napi_get_value_double(env, values[i], &value);
    return value;
  }
  void* address(size_t i) const { return reinterpret_cast<void*>(static_cast<uintptr_t>(number(i))); }
  size_t size(size_t i) const { return static_cast<size_t>(number(i)); }

  // Null, with an exception set, for anything but the handle of an open device.
  Device* device() const {
    void* pointer = nullptr;
    napi_valuetype type;
    if (napi_typeof(env, values[0], &type) == napi_ok && type == napi_external) {
      napi_get_value_external(env, values[0], &pointer);
    }
    Device* device = static_cast<Device*>(pointer);
    if (device && device->pool) return device;
    fail(env, "not an open device");
    return nullptr;
  }

  // The bytes of a typed array; null, with an exception set, for anything else.
  void* bytes(size_t i, size_t* length) const {
    napi_typedarray_type type;
    size_t elements, offset;
    void* data;
    napi_value buffer;
    if (napi_get_typedarray_info(env, values[i], &type, &elements, &data, &buffer, &offset) != napi_ok) {
      fail(env, "not a typed array");
      return nullptr;
    }
    static const uint8_t widths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
    *length = elements * (type < sizeof(widths) ? widths[type] : 1);
    // An empty array may have no memory; callers tell failure by null.
    return data ? data : const_cast<uint8_t*>(widths);
  }

  napi_env env;
  napi_value values[N];
};

// levels() → [{ level, name, available, reason, fastBf16 }], strongest first.
napi_value levels(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_array(env, &result);
  uint32_t i = 0;
  for (const LevelState& state : isaLevels()) {
    napi_value row;
    napi_create_object(env, &row);
    napi_set_named_property(env, row, "level", number(env, static_cast<int>(state.level)));
    napi_set_named_property(env, row, "name", text(env, state.name));
    napi_set_named_property(env, row, "available", truth(env, state.available));
    napi_set_named_property(env, row, "reason", text(env, state.reason));
    napi_set_named_property(env, row, "fastBf16", truth(env, state.fastBf16));
    napi_set_element(env, result, i++, row);
  }
  return result;
}

// probe(level) → whether its instructions execute.
napi_value probe(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  return truth(env, probeLevel(static_cast<IsaLevel>(call.number(0))));
}

// signatures() → ["name: signature"], in the numbering of command streams.
napi_value signatures(napi_env env, napi_callback_info) {
  size_t count;
  const KernelEntry* table = tableFor(IsaLevel::portable, &count);
  napi_value result;
  napi_create_array(env, &result);
  for (size_t i = 0; i < count; i++) {
    napi_set_element(env, result, static_cast<uint32_t>(i), text(env, std::string(table[i].name) + ": " + table[i].signature));
  }
  return result;
}

// open(level, threads, precision) → handle.
napi_value open(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  Device* device = nullptr;
  try {
    device = new Device(static_cast<int>(call.number(1)), static_cast<IsaLevel>(call.number(0)),
                        static_cast<Precision>(call.number(2)));
  } catch (const std::exception& error) {
    return fail(env, error.what());
  }
  napi_value handle;
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Device*>(data); };
  if (napi_create_external(env, device, finalize, nullptr, &handle) != napi_ok) {
    delete device;
    return fail(env, "no handle for the device");
  }
  return handle;
}

// wrongProduct(handle) → the matrix product that this processor gets wrong; "" when all are right (see self-check.h).
napi_value wrongProduct(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  Device* device = call.device();
  return device ? text(env, reckon::wrongProduct(*device->pool, device->level)) : nullptr;
}

// close(handle): frees everything, stops the threads.
napi_value close(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  if (Device* device = call.device()) device->close();
  return nullptr;
}

// allocate(handle, bytes) → address of zeroed memory, 0 when there is none.
napi_value allocate(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  Device* device = call.device();
  if (!device) return nullptr;
  void* memory = reserve(call.size(1));
  if (memory) device->blocks.emplace(reinterpret_cast<uintptr_t>(memory), call.size(1));
  return number(env, static_cast<double>(reinterpret_cast<uintptr_t>(memory)));
}

// free(handle, address): what allocate gave, and the packed copies of the weights in it.
napi_value freeBlock(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  Device* device = call.device();
  if (!device) return nullptr;
  void* const memory = call.address(1);
  const auto block = device->blocks.find(reinterpret_cast<uintptr_t>(memory));
  if (block == device->blocks.end()) return fail(env, "not an allocated address");
  device->pool->packs().drop(memory, block->second);
  release(memory, block->second);
  device->blocks.erase(block);
  return nullptr;
}

// write(handle, address, typedArray): copies all of the array's bytes to the address.
napi_value write(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  Device* device = call.device();
  size_t length;
  const void* data = device ? call.bytes(2, &length) : nullptr;
  if (!data) return nullptr;
  if (!device->holds(call.address(1), length)) return fail(env, "not within an allocation");
  std::memcpy(call.address(1), data, length);
  return nullptr;
}

// read(handle, address, typedArray): fills the array from the address.
napi_value read(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  Device* device = call.device();
  size_t length;
  void* data = device ? call.bytes(2, &length) : nullptr;
  if (!data) return nullptr;
  if (!device->holds(call.address(1), length)) return fail(env, "not within an allocation");
  std::memcpy(data, call.address(1), length);
  return nullptr;
}

// run(handle, stream, words) → undefined; or, when it stopped early, { message, bytes } (see Failure).
napi_value run(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  Device* device = call.device();
  size_t length;
  const void* stream = device ? call.bytes(1, &length) : nullptr;
  if (!stream) return nullptr;
  if (call.size(2) > length / sizeof(double)) return fail(env, "a stream longer than its array");
  if (device->pool->run(static_cast<const double*>(stream), call.size(2))) return nullptr;
  const Failure& failure = device->pool->failure();
  napi_value result;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "message", text(env, failure.message));
  napi_set_named_property(env, result, "bytes", number(env, static_cast<double>(failure.bytes)));
  return result;
}

// overhead(handle) → bytes of scratch and packed weights.
napi_value overhead(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  Device* device = call.device();
  return device ? number(env, static_cast<double>(device->pool->overheadBytes())) : nullptr;
}

// mapFile(descriptor, bytes) → the file's first bytes as an ArrayBuffer; undefined when the system or this Node refuses.
napi_value mapFile(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  const size_t bytes = call.size(1);
  void* memory = reckon::mapFile(static_cast<int>(call.number(0)), bytes);
  if (!memory) return nullptr;
  const auto finalize = [](napi_env, void* data, void* hint) {
    reckon::unmapFile(data, reinterpret_cast<uintptr_t>(hint));
  };
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, memory, bytes, finalize, reinterpret_cast<void*>(bytes), &buffer) == napi_ok) {
    return buffer;
  }
  reckon::unmapFile(memory, bytes);
  return nullptr;
}

// unmapFile(buffer): the array is empty from here on, and the mapping goes.
napi_value unmapFile(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  if (napi_detach_arraybuffer(env, call.values[0]) != napi_ok) return fail(env, "not a mapped file");
  return nullptr;
}

// releaseMapped(buffer, begin, end): the memory behind these bytes of a mapped file may go; it comes back when it is read.
napi_value releaseMapped(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  void* memory;
  size_t bytes;
  if (napi_get_arraybuffer_info(env, call.values[0], &memory, &bytes) != napi_ok) return fail(env, "not a mapped file");
  const size_t begin = call.size(1), end = call.size(2);
  if (begin > end || end > bytes) return fail(env, "not within the mapped file");
  reckon::releaseMapped(static_cast<char*>(memory) + begin, end - begin);
  return nullptr;
}

// readBandwidth(bytes, threads, passes) → bytes a second with one thread and with all; undefined when it cannot be measured.
napi_value readBandwidth(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  const int threads = static_cast<int>(call.number(1)), passes = static_cast<int>(call.number(2));
  double oneThread, allThreads;
  if (!reckon::readBandwidth(call.size(0), threads, passes, &oneThread, &allThreads)) return nullptr;
  napi_value result;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "oneThread", number(env, oneThread));
  napi_set_named_property(env, result, "allThreads", number(env, allThreads));
  return result;
}

napi_value initialize(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
#define RECKON_METHOD(name, function) {name, nullptr, function, nullptr, nullptr, nullptr, napi_enumerable, nullptr}
      RECKON_METHOD("levels", levels),     RECKON_METHOD("probe", probe), RECKON_METHOD("signatures", signatures),
      RECKON_METHOD("open", open),         RECKON_METHOD("close", close), RECKON_METHOD("allocate", allocate),
      RECKON_METHOD("free", freeBlock),    RECKON_METHOD("write", write), RECKON_METHOD("read", read),
      RECKON_METHOD("run", run),           RECKON_METHOD("overhead", overhead),
      RECKON_METHOD("wrongProduct", wrongProduct),
      RECKON_METHOD("mapFile", mapFile),   RECKON_METHOD("unmapFile", unmapFile),
      RECKON_METHOD("releaseMapped", releaseMapped), RECKON_METHOD("readBandwidth", readBandwidth),
#undef RECKON_METHOD
  };
  napi_define_properties(env, exports, sizeof(properties) / sizeof(properties[0]), properties);
  return exports;
}

}  // namespace
}  // namespace reckon

NAPI_MODULE_INIT() { return reckon::initialize(env, exports); }
