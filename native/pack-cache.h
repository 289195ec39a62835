// Packed copies of weights (operands of mode `w`), kept from call to call until the weight changes.
//
// An entry is named by the weight's address and by how it was packed; it holds the version the copy was made from.
// Versions are never used twice on a device, so memory that is freed and given to another tensor cannot be mistaken for
// its former content. The cache belongs to a device; all of its threads look entries up.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "runtime.h"

namespace reckon {

struct PackKey {
  const void* weight;
  // Which layout, numbered by the kernels that share it (operand type, transposed or not, tile sizes).
  int kind;
  // The sizes the layout depends on.
  int64_t rows, columns, count;

  bool operator==(const PackKey& other) const {
    return weight == other.weight && kind == other.kind && rows == other.rows && columns == other.columns &&
           count == other.count;
  }
};

class PackCache {
 public:
  ~PackCache();

  // The packed copy of `key`'s weight, `bytes` long and 64-byte aligned (the same address on every thread). When there was
  // none before this call, or it was made from another version, every thread calls pack(void* copy), which shares the work
  // out with thread.share; a barrier follows. A thread that comes when the copy is made already walks the same loops.
  template <typename F>
  RECKON_INLINE void* get(Thread& thread, const PackKey& key, double version, size_t bytes, F&& pack) {
    void* copy = find(thread, key, version);
    if (copy) return copy;
    thread.once([&] { renew(thread, key, version, bytes); });
    copy = place(key);
    pack(copy);
    thread.barrier();
    return copy;
  }

  // Drops the copies of weights in [begin, begin + bytes): their storage is going away. Never during a flush.
  void drop(const void* begin, size_t bytes);

  // Bytes held by copies.
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    double version = 0;
    // The call that made the copy.
    uint64_t call = 0;
    size_t bytes = 0;
    void* copy = nullptr;
  };
  struct Hash {
    size_t operator()(const PackKey& key) const;
  };

  // The copy made from `version` before this call; null when there is none.
  void* find(const Thread& thread, const PackKey& key, double version);
  // Makes room for a copy.
  void renew(const Thread& thread, const PackKey& key, double version, size_t bytes);
  void* place(const PackKey& key);

  // Threads of one call look up and renew side by side.
  std::mutex mutex_;
  std::unordered_map<PackKey, Entry, Hash> entries_;
  size_t bytes_ = 0;
};

}  // namespace reckon
